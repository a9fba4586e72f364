-- Puts events $1 into the inboxes of the runs that wait by subscriptions $2, once each. A wait that is over has no row.
with delivered as (
    insert into deliveries (run_id, event_id, subscription_id, org_id)
    select s.run_id, e.event_id, s.subscription_id, s.org_id
    from unnest($1::bigint[], $2::bigint[]) as m (event_id, subscription_id)
    join events e on e.event_id = m.event_id
    join subscriptions s on s.subscription_id = m.subscription_id and s.org_id = e.org_id
    order by s.run_id, e.event_id
    on conflict do nothing
    returning delivery_id, run_id, org_id, subscription_id
)
insert into inbox (org_id, run_id, kind, body, delivery)
select d.org_id, d.run_id, 'event',
    json_build_object('step', json_build_object('pointer', s.pointer, 'visit', s.visit), 'filter', s.filter),
    d.delivery_id
from delivered d
join subscriptions s on s.subscription_id = d.subscription_id
order by d.delivery_id
