-- Events of the type of subscription $1 that were received since its run started, and that its run has not consumed by a
-- fact before the wait began or by that which began it.
select e.event_id, e.org_id, e.envelope::text as "envelope!"
from subscriptions s
join runs r on r.run_id = s.run_id
join events e on e.org_id = s.org_id and (s.event_type = '' or e.type = s.event_type)
where s.subscription_id = $1 and e.event_id > $2 and e.received_at >= r.created_at
    and not exists (
        select from deliveries d
        where d.run_id = s.run_id and d.event_id = e.event_id and d.consumed <= s.seq
    )
order by e.event_id
limit $3
