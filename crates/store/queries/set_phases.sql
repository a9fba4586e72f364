-- Sets the phases of runs ($1 runs, $2 phases, $3 when they ended, $4 outputs, $5 faults, $6 reasons, $7 when it happened),
-- and publishes what became of them where somebody waits for an event of that type, or a schedule does.
with changed as (
    update runs r
    set phase = c.phase, ended_at = c.ended_at, output = c.output::json, fault = c.fault::json, reason = c.reason
    from unnest($1::uuid[], $2::text[], $3::timestamptz[], $4::text[], $5::text[], $6::text[], $7::timestamptz[])
        as c (run_id, phase, ended_at, output, fault, reason, at)
    where r.run_id = c.run_id
    returning r.org_id, r.run_id, r.namespace, r.name, r.version, r.phase, r.output, r.fault, c.at
), news as (
    select c.*, case c.phase when 'running' then 'resumed' else c.phase end as word from changed c
    where c.phase <> 'quarantined'
), wanted as (
    select n.*, 'io.serverlessworkflow.workflow.' || n.word || '.v1' as type from news n
)
insert into events (org_id, received_at, type, source, id, envelope)
select w.org_id, w.at, w.type, e.event ->> 'source', e.event ->> 'id', e.event
from wanted w, lifecycle_event(w.type, w.run_id, w.namespace, w.name, w.version, w.word, w.at,
    case w.word when 'completed' then json_build_object('output', w.output)
        when 'faulted' then json_build_object('error', w.fault) end) as e (event)
where is_awaited(w.org_id, w.type)
