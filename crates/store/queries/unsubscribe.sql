delete from subscriptions s
using unnest($1::uuid[], $2::text[], $3::bigint[]) as step (run_id, pointer, visit)
where s.run_id = step.run_id and s.pointer = step.pointer and s.visit = step.visit
