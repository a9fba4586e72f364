insert into snapshots (run_id, seq, org_id, state)
select s.run_id, s.seq, s.org_id, s.state::json
from unnest($1::uuid[], $2::bigint[], $3::uuid[], $4::text[]) as s (run_id, seq, org_id, state)
on conflict (run_id) do update set seq = excluded.seq, state = excluded.state
