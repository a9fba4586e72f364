-- What becomes of the activations of runs $1 after their commit: kept, or given up until $3, or at once where that is null.
-- Either way the run got on, and its claims count anew.
update activations a
set lease = case when s.kept then a.lease end,
    lease_until = case when s.kept then a.lease_until end,
    due_at = case when s.kept then a.due_at else coalesce(s.due_at, engine_now()) end,
    claims = 0
from unnest($1::uuid[], $2::boolean[], $3::timestamptz[]) as s (run_id, kept, due_at)
where a.run_id = s.run_id
