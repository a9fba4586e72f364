select audit_id, org_id, at, actor, action, subject, run_id, correlation, details::text as "details!", seq, prev_hash, hash
from audit
where seq is null
order by audit_id
limit $1
