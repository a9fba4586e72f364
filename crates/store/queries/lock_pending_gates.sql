select gate_id, org_id, run_id, pointer, visit, subject, subject_digest, request::text as "request!", requested_by,
    approver_roles, required_approvals, four_eyes, opened_at, expires_at, state, resolved_at, approvals
from gates
where run_id = any($1) and state = 'pending'
order by gate_id
for update
