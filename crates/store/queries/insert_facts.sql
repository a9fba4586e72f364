-- A second writer of the same fact fails on the primary key.
insert into facts (run_id, seq, at, org_id, name, body)
select f.run_id, f.seq, f.at, f.org_id, f.name, f.body::json
from unnest($1::uuid[], $2::bigint[], $3::timestamptz[], $4::uuid[], $5::text[], $6::text[])
    as f (run_id, seq, at, org_id, name, body)
