-- Rows of new runs, from the definitions that they pin; a child inherits what is null here from its parent. A definition
-- that is not registered gives no row. Where somebody waits for it, an event says that a run started.
with started as (
insert into runs (run_id, org_id, definition, namespace, name, version, semantics, needs, queue, priority, started_by,
    parent_run, parent_pointer, parent_visit, awaited, created_at)
select new.run_id, new.org_id, d.hash, d.namespace, d.name, d.version, new.semantics, d.needs,
    coalesce(new.queue, p.queue), coalesce(new.priority, p.priority), new.started_by,
    new.parent_run, new.parent_pointer, new.parent_visit, new.awaited, new.created_at
from unnest($1::uuid[], $2::uuid[], $3::bytea[], $4::integer[], $5::text[], $6::smallint[], $7::text[], $8::uuid[],
    $9::text[], $10::bigint[], $11::boolean[], $12::timestamptz[])
    as new (run_id, org_id, definition, semantics, queue, priority, started_by, parent_run, parent_pointer, parent_visit,
        awaited, created_at)
join definitions d on d.org_id = new.org_id and d.hash = new.definition
left join runs p on p.run_id = new.parent_run
on conflict (run_id) do nothing
returning run_id, org_id, namespace, name, version, created_at
), told as (
insert into events (org_id, received_at, type, source, id, envelope)
select s.org_id, s.created_at, t.type, e.event ->> 'source', e.event ->> 'id', e.event
from started s, (values ('io.serverlessworkflow.workflow.started.v1')) as t (type),
    lifecycle_event(t.type, s.run_id, s.namespace, s.name, s.version, 'started', s.created_at, null) as e (event)
where is_awaited(s.org_id, t.type)
)
select run_id as "run_id!" from started
