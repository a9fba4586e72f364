-- Events that schedules with `all` have had: one run starts when each filter has one, of the same correlation (`grouping`, empty
-- where nothing correlates them). A row that is used stays until its event goes, so that routing it again changes nothing.
create table schedule_events (
    event_id  bigint  not null,
    org_id    uuid    not null,
    namespace text    not null,
    name      text    not null,
    filter    integer not null,
    grouping  text    not null,
    used      boolean not null default false,
    primary key (event_id, org_id, namespace, name, filter)
);

create index schedule_events_open on schedule_events (org_id, namespace, name, grouping, filter, event_id) where not used;

call isolate('schedule_events');
grant select, insert, update, delete on schedule_events to stationmaster_app, stationmaster_worker;
