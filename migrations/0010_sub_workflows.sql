-- The workflows that a definition may run, as its text names them; the version may be `latest`. What they stand for is
-- resolved, and pinned, when a run of it starts (DESIGN 5, 9). A definition that was registered before gets its rows when it
-- is registered again, as the service does with all of its own when it starts.
create table sub_workflows (
    org_id    uuid  not null,
    hash      bytea not null,
    namespace text  not null,
    name      text  not null,
    version   text  not null,
    primary key (org_id, hash, namespace, name, version)
);

create trigger sub_workflows_are_immutable before update or delete on sub_workflows
    for each row execute function refuse_change();
create trigger sub_workflows_are_kept before truncate on sub_workflows
    for each statement execute function refuse_change();

call isolate('sub_workflows');
grant select, insert on sub_workflows to stationmaster_app, stationmaster_worker;
