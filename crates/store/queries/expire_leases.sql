-- Takes runs from holders that let their lease expire; those whose commit is under way are alive.
update activations a
set lease = null, lease_until = null
from (
    select run_id from activations
    where lease is not null and lease_until <= statement_timestamp()
    order by run_id
    for update skip locked
) expired
where a.run_id = expired.run_id
