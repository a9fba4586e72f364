-- A page of an organisation's gates, the oldest first; a null argument does not filter.
select gate_id, org_id, run_id, pointer, visit, subject, subject_digest, request::text as "request!", requested_by,
    approver_roles, required_approvals, four_eyes, opened_at, expires_at, state, resolved_at, approvals
from gates
where org_id = $1
    and ($2::uuid is null or gate_id = $2)
    and ($3::text is null or state = $3)
    and ($4::timestamptz is null or (opened_at, gate_id) > ($4, $5))
order by opened_at, gate_id
limit $6
