insert into events (org_id, received_at, type, source, id, envelope)
select e.org_id, e.received_at, e.type, e.source, e.id, e.envelope::json
from unnest($1::uuid[], $2::timestamptz[], $3::text[], $4::text[], $5::text[], $6::text[])
    as e (org_id, received_at, type, source, id, envelope)
returning event_id
