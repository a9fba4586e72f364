-- Deletes up to $2 routed events that were received before $1 and that no inbox still holds; returns how many. Their
-- identity stays, and refuses a repetition.
with old as materialized (
    select e.event_id
    from events e
    where e.routed and e.received_at < $1
        and not exists (
            select from deliveries d join inbox i on i.run_id = d.run_id and i.delivery = d.delivery_id
            where d.event_id = e.event_id
        )
    order by e.received_at
    limit $2
), gathered as (
    delete from schedule_events s using old where s.event_id = old.event_id
), deleted as (
    delete from events e using old where e.event_id = old.event_id returning 1
)
select count(*) as "count!" from deleted
