-- Which of these events are new; sorted, so that two transactions cannot wait for each other.
insert into event_ids (org_id, source, id)
select e.org_id, e.source, e.id
from unnest($1::uuid[], $2::text[], $3::text[]) as e (org_id, source, id)
order by e.org_id, e.source, e.id
on conflict do nothing
returning org_id, source, id
