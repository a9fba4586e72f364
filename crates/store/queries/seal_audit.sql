update audit a
set seq = s.seq, prev_hash = s.prev_hash, hash = s.hash
from unnest($1::bigint[], $2::bigint[], $3::bytea[], $4::bytea[]) as s (audit_id, seq, prev_hash, hash)
where a.audit_id = s.audit_id
