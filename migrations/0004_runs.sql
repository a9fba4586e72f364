-- Runs, their history, and the one hot table that says which of them have something to do.

create table runs (
    run_id          uuid        primary key,
    org_id          uuid        not null,
    definition      bytea       not null,
    namespace       text        not null,
    name            text        not null,
    version         text        not null,
    semantics       integer     not null,
    needs           integer     not null,
    queue           text        not null,
    priority        smallint    not null check (priority between 0 and 3),
    started_by      text        not null,
    parent_run      uuid,
    parent_pointer  text,
    parent_visit    bigint,
    awaited         boolean     not null default false,
    created_at      timestamptz not null,
    phase           text        not null default 'running',
    ended_at        timestamptz,
    output          json,
    fault           json,
    reason          text,
    constraint phase_is_known check (phase in ('running', 'suspended', 'completed', 'faulted', 'cancelled', 'quarantined')),
    constraint an_ended_run_has_its_time check ((phase in ('completed', 'faulted', 'cancelled')) = (ended_at is not null)),
    constraint only_a_completed_run_has_output check ((phase = 'completed') = (output is not null)),
    constraint only_a_faulted_run_has_a_fault check ((phase = 'faulted') = (fault is not null)),
    constraint a_stopped_run_says_why check ((phase in ('cancelled', 'quarantined')) = (reason is not null)),
    constraint a_child_knows_its_place check (num_nonnulls(parent_run, parent_pointer, parent_visit) in (0, 3)),
    constraint only_a_child_is_awaited check (not awaited or parent_run is not null)
);

create index runs_by_age on runs (org_id, created_at, run_id);
create index runs_by_phase on runs (org_id, phase, created_at, run_id);
create index runs_by_name on runs (org_id, namespace, name, created_at, run_id);
create index runs_by_parent on runs (parent_run) where parent_run is not null;

-- `json` and not `jsonb`: a fact comes back as the very text that was written, key order and numbers included.
create table facts (
    run_id uuid        not null,
    seq    bigint      not null check (seq >= 0),
    at     timestamptz not null,
    org_id uuid        not null,
    name   text        not null,
    body   json        not null,
    primary key (run_id, seq)
);

-- A cache of the fold after `seq` facts; losing it costs time and nothing else.
create table snapshots (
    run_id uuid   primary key,
    seq    bigint not null,
    org_id uuid   not null,
    state  json   not null
);

-- A row for a run that is runnable (`due_at` has come) or has a next timer (`due_at` is its time). A run that only waits for
-- an event has none. `due_at` is in engine time, `lease_until` in the database's. A claim moves a row from the first partial
-- index to the second, so that it never reads what others hold, nor what is due later; renewing changes no index.
create table activations (
    run_id      uuid        primary key,
    org_id      uuid        not null,
    due_at      timestamptz not null,
    wake        bigint      not null default 1,
    lease_until timestamptz,
    semantics   integer     not null,
    needs       integer     not null,
    priority    smallint    not null,
    claims      smallint    not null default 0,
    queue       text        not null,
    lease       bytea,
    constraint a_lease_has_its_end check ((lease is null) = (lease_until is null))
) with (fillfactor = 70, autovacuum_vacuum_scale_factor = 0.02, autovacuum_analyze_scale_factor = 0.05);

create index activations_due on activations (queue, priority, due_at) where lease is null;
create index activations_held on activations (queue) where lease is not null;

-- What happened to a run from outside and is not yet a fact: events, ends of children, commands.
create table inbox (
    inbox_id bigint generated always as identity,
    org_id   uuid  not null,
    run_id   uuid  not null,
    kind     text  not null check (kind in ('event', 'child', 'command')),
    body     json  not null,
    delivery bigint,
    primary key (run_id, inbox_id)
);

call isolate('runs');
call isolate('facts');
call isolate('snapshots');
call isolate('activations');
call isolate('inbox');

grant select, insert, update, delete on runs, facts, snapshots, activations, inbox to stationmaster_worker;
revoke update, delete on facts from stationmaster_worker;
grant select, insert on runs, facts, activations, inbox to stationmaster_app;
grant update (wake, due_at) on activations to stationmaster_app;
grant update (phase, reason) on runs to stationmaster_app;
