insert into audit_heads (org_id, seq, hash)
select h.org_id, h.seq, h.hash from unnest($1::uuid[], $2::bigint[], $3::bytea[]) as h (org_id, seq, hash)
on conflict (org_id) do update set seq = excluded.seq, hash = excluded.hash
