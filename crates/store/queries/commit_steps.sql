-- Members with one fact each, some of which end their runs: one statement, so one round trip, which is its own transaction.
-- What became of those that end is published where somebody waits for it, as in set_phases.sql.
--
-- `for update` waits for whoever holds an activation and then looks again: a member whose lease was lost meanwhile, or whose
-- run was woken where $4 says how often it may have been, is not held, and nothing of it is written. The members come sorted
-- by run, so the locks are taken in everybody's order. What ends here was not woken since its driver last read its inbox: all
-- that there is of it is older than this statement and seen by it.
with held as materialized (
    select m.*, a.wake, a.claims
    from unnest($1::uuid[], $2::uuid[], $3::bytea[], $4::bigint[], $5::bigint[], $6::timestamptz[], $7::text[], $8::text[],
        $9::text[], $10::text[], $11::text[], $12::text[])
        as m (run_id, org_id, lease, only_wake, seq, at, name, body, phase, output, fault, reason)
    join activations a on a.run_id = m.run_id and a.lease = m.lease
    where m.only_wake is null or a.wake = m.only_wake
    for update of a
), recorded as (
    -- A second writer of the same fact fails on the primary key.
    insert into facts (run_id, seq, at, org_id, name, body)
    select run_id, seq, at, org_id, name, body::json from held
), got_on as (
    update activations a set claims = 0 from held h where a.run_id = h.run_id and h.claims > 1 and h.phase is null
), ended as (
    update runs r
    set phase = h.phase, ended_at = h.at, output = h.output::json, fault = h.fault::json, reason = h.reason
    from held h where r.run_id = h.run_id and h.phase is not null
    returning r.org_id, r.run_id, r.namespace, r.name, r.version, r.phase, r.output, r.fault, r.ended_at
), wanted as (
    select e.*, 'io.serverlessworkflow.workflow.' || e.phase || '.v1' as type from ended e
), told as (
    insert into events (org_id, received_at, type, source, id, envelope)
    select w.org_id, w.ended_at, w.type, e.event ->> 'source', e.event ->> 'id', e.event
    from wanted w, lifecycle_event(w.type, w.run_id, w.namespace, w.name, w.version, w.phase, w.ended_at,
        case w.phase when 'completed' then json_build_object('output', w.output)
            when 'faulted' then json_build_object('error', w.fault) end) as e (event)
    where is_awaited(w.org_id, w.type)
), over as materialized (
    select run_id from held where phase is not null
), activation as (delete from activations a using over o where a.run_id = o.run_id),
    waits as (delete from subscriptions s using over o where s.run_id = o.run_id),
    messages as (delete from inbox i using over o where i.run_id = o.run_id),
    delivered as (delete from deliveries d using over o where d.run_id = o.run_id),
    cached as (delete from snapshots s using over o where s.run_id = o.run_id)
select run_id as "run_id!", wake as "wake!" from held
