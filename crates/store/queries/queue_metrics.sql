select queue as "queue!",
    count(*) filter (where lease is null and due_at <= engine_now()) as "runnable!",
    count(*) filter (where lease is not null) as "held!",
    count(*) filter (where lease is null and due_at > engine_now()) as "scheduled!",
    coalesce(extract(epoch from engine_now() - min(due_at) filter (where lease is null and due_at <= engine_now())) * 1000, 0)::bigint
        as "lag_ms!"
from activations
group by queue
order by queue
