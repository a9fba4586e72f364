-- Gives back runs ($1 runs, $2 tokens) that were claimed and not begun; the claim does not count.
update activations a
set lease = null, lease_until = null, claims = greatest(a.claims - 1, 0)
from (
    select a.run_id
    from unnest($1::uuid[], $2::bytea[]) as mine (run_id, lease)
    join activations a on a.run_id = mine.run_id and a.lease = mine.lease
    order by a.run_id
    for update of a
) mine
where a.run_id = mine.run_id
