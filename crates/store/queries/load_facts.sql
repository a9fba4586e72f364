-- The facts of runs $1 from seq $2 on, in order.
select f.run_id, f.body::text as "body!"
from unnest($1::uuid[], $2::bigint[]) as since (run_id, seq)
join facts f on f.run_id = since.run_id and f.seq >= since.seq
order by f.run_id, f.seq
