-- Rows for the inboxes of runs $1; a run that has ended gets none.
insert into inbox (org_id, run_id, kind, body)
select r.org_id, r.run_id, m.kind, m.body::json
from unnest($1::uuid[], $2::text[], $3::text[]) as m (run_id, kind, body)
join runs r on r.run_id = m.run_id and r.ended_at is null
