-- Adds event $6 to what the schedule $1, $2, $3 has had for filter $4 of the grouping $5, unless it has had it before; gives the
-- oldest open event of each filter of the grouping, that one included.
with added as (
    insert into schedule_events (event_id, org_id, namespace, name, filter, grouping)
    values ($6, $1, $2, $3, $4, $5)
    on conflict do nothing
    returning event_id, filter
), open as (
    select event_id, filter from added
    union all
    select s.event_id, s.filter from schedule_events s
    where s.org_id = $1 and s.namespace = $2 and s.name = $3 and s.grouping = $5 and not s.used
), oldest as (
    select filter, min(event_id) as event_id from open group by filter
)
select o.filter as "filter!", o.event_id as "event_id!", e.envelope::text as "envelope!"
from oldest o
join events e on e.event_id = o.event_id
order by o.event_id, o.filter
