select gate_id, org_id, run_id, pointer, visit, subject, subject_digest, request::text as "request!", requested_by,
    approver_roles, required_approvals, four_eyes, opened_at, expires_at, state, resolved_at, approvals
from gates
where org_id = $1 and gate_id = $2
for update
