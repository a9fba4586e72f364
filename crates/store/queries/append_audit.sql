insert into audit (org_id, at, actor, action, subject, run_id, correlation, details)
select a.org_id, a.at, a.actor, a.action, a.subject, a.run_id, a.correlation, a.details::json
from unnest($1::uuid[], $2::timestamptz[], $3::text[], $4::text[], $5::text[], $6::uuid[], $7::text[], $8::text[])
    as a (org_id, at, actor, action, subject, run_id, correlation, details)
