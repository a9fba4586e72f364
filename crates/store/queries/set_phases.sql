update runs r
set phase = c.phase, ended_at = c.ended_at, output = c.output::json, fault = c.fault::json, reason = c.reason
from unnest($1::uuid[], $2::text[], $3::timestamptz[], $4::text[], $5::text[], $6::text[])
    as c (run_id, phase, ended_at, output, fault, reason)
where r.run_id = c.run_id
