-- The schedules of definitions: one for each name, that of its latest version (DSL S1 to S4). `time` is the next time of the
-- schedule and `due_at` when its run starts, which jitter puts later; neither is set while it waits for an event, or for its
-- last run to end. Whoever locks a row starts its runs, under identifiers made of the time, so that none starts twice.
create table schedules (
    org_id      uuid        not null,
    namespace   text        not null,
    name        text        not null,
    definition  bytea       not null,
    version     text        not null,
    event_types text[]      not null,
    time        timestamptz,
    due_at      timestamptz,
    last_run    uuid,
    primary key (org_id, namespace, name),
    constraint a_due_schedule_has_its_time check ((time is null) = (due_at is null))
);

create index schedules_due on schedules (due_at) where due_at is not null;
create index schedules_after on schedules (last_run) where due_at is null and last_run is not null;
create index schedules_by_event on schedules (org_id) where event_types <> '{}';

call isolate('schedules');
grant select, insert, update, delete on schedules to stationmaster_app, stationmaster_worker;
