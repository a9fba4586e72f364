-- Waits of runs, and the ways in which their events are keyed, of which there are few.
with known as (
    insert into correlations (org_id, event_type, correlation)
    select distinct s.org_id, s.event_type, s.correlation
    from unnest($2::uuid[], $7::text[], $8::text[]) as s (org_id, event_type, correlation)
    order by 1, 2, 3
    on conflict do nothing
)
insert into subscriptions (run_id, org_id, pointer, visit, filter, seq, event_type, correlation, key)
select s.run_id, s.org_id, s.pointer, s.visit, s.filter, s.seq, s.event_type, s.correlation, s.key
from unnest($1::uuid[], $2::uuid[], $3::text[], $4::bigint[], $5::integer[], $6::bigint[], $7::text[], $8::text[], $9::text[])
    as s (run_id, org_id, pointer, visit, filter, seq, event_type, correlation, key)
