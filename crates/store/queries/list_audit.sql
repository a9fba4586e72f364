select audit_id, org_id, at, actor, action, subject, run_id, correlation, details::text as "details!", seq, prev_hash, hash
from audit
where org_id = $1 and ($2::text is null or subject = $2) and audit_id < $3
order by audit_id desc
limit $4
