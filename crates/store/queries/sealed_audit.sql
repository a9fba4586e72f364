select audit_id, org_id, at, actor, action, subject, run_id, correlation, details::text as "details!", seq, prev_hash, hash
from audit
where org_id = $1 and seq > $2
order by seq
limit $3
