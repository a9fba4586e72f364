-- Wakes runs $1, sorted so that two transactions cannot wait for each other; runs that have ended stay asleep.
insert into activations (run_id, org_id, due_at, semantics, needs, priority, queue)
select r.run_id, r.org_id, engine_now(), r.semantics, r.needs, r.priority, r.queue
from runs r
where r.run_id = any($1) and r.ended_at is null
order by r.run_id
on conflict (run_id) do update
set wake = activations.wake + 1, due_at = least(activations.due_at, excluded.due_at)
returning run_id, wake, queue
