-- Definitions are stored for ever: a run pins one by its hash (DESIGN 4, 8).
-- No table of the engine has a foreign key: a check of one locks its parent's row, and a definition or a run is everybody's
-- parent. The statements that insert a child select from the parent instead.

-- What a worker must be able to call, so that it claims only what it can run; definitions share few such sets.
create table function_sets (
    set_id    integer generated always as identity primary key,
    functions text[] not null unique
);

create table definitions (
    org_id     uuid        not null,
    hash       bytea       not null check (octet_length(hash) = 32),
    namespace  text        not null,
    name       text        not null,
    version    text        not null,
    needs      integer     not null,
    source     text        not null,
    functions  json        not null,
    created_by text        not null,
    created_at timestamptz not null,
    primary key (org_id, hash),
    unique (org_id, namespace, name, version)
);

create function refuse_change() returns trigger
    language plpgsql as $$
begin
    raise exception '% of % is refused: its rows are kept as they were written', tg_op, tg_table_name
        using errcode = 'integrity_constraint_violation';
end $$;

create trigger definitions_are_immutable before update or delete on definitions
    for each row execute function refuse_change();
create trigger definitions_are_kept before truncate on definitions
    for each statement execute function refuse_change();

call isolate('definitions');
grant select, insert on definitions, function_sets to stationmaster_app, stationmaster_worker;
