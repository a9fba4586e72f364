-- Extends the leases ($1 runs, $2 tokens) by $3 seconds; waits for nobody, so that one long commit cannot cost the others
-- their leases. What is locked is being committed, and held.
with held as (
    select a.run_id, a.lease, a.wake
    from unnest($1::uuid[], $2::bytea[]) as mine (run_id, lease)
    join activations a on a.run_id = mine.run_id and a.lease = mine.lease
), free as materialized (
    select a.run_id
    from unnest($1::uuid[], $2::bytea[]) as mine (run_id, lease)
    join activations a on a.run_id = mine.run_id and a.lease = mine.lease
    order by a.run_id
    for update of a skip locked
), renewed as (
    update activations a
    set lease_until = statement_timestamp() + $3::float8 * interval '1 second'
    from free
    where a.run_id = free.run_id
)
select run_id as "run_id!", lease as "lease!", wake as "wake!" from held
