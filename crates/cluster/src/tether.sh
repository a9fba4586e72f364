# Runs a server that must not outlive the process at the other end of standard
# input, however that process dies: at end of file, the server is killed and
# its directory removed. A server that ends by itself leaves its log behind.
#
# Usage: sh -c "$(cat tether.sh)" sh DIRECTORY SERVER [ARGUMENT...]
directory=$1
shift
exec 3<&0
"$@" </dev/null 3<&- &
server=$!
{
    read -r _ <&3
    : >"$directory/untied"
    kill -QUIT "$server"
} &
watch=$!
wait "$server"
kill "$watch" 2>/dev/null
if [ -e "$directory/untied" ]; then
    cd / && rm -rf "$directory"
fi
