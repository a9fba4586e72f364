-- When the nearest timer of queue $1 is due; what is due already is not asked for. One probe of `activations_due` per level.
select min(next.due_at)
from unnest(array[0, 1, 2, 3]::smallint[]) as level (priority)
cross join lateral (
    select a.due_at
    from activations a
    where a.queue = $1 and a.priority = level.priority and a.lease is null and a.due_at > (select engine_now())
    order by a.due_at
    limit 1
) next
