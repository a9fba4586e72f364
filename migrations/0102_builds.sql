-- What the forge has reported of an agent's builds: one row per attempt of one, one per stage of it, whichever is heard of
-- first. Reports are repeated and come out of order, so each row keeps the furthest that was seen (REQUIREMENTS 1.4,
-- A29-A31).

create table ci_runs (
    org_id       uuid   not null,
    creation_id  uuid   not null,
    ci_run       bigint not null check (ci_run > 0),
    attempt      bigint not null check (attempt > 0),
    status       text   not null check (status in ('pending', 'running', 'passed', 'failed')),
    conclusion   text,
    url          text,
    started_at   timestamptz,
    completed_at timestamptz,
    primary key (org_id, creation_id, ci_run, attempt),
    foreign key (org_id, creation_id) references creations,
    constraint a_finished_run_has_its_conclusion check ((status in ('passed', 'failed')) = (conclusion is not null)),
    constraint only_success_passes check ((status = 'passed') = (conclusion is not distinct from 'success'))
);

create table ci_stages (
    org_id       uuid   not null,
    creation_id  uuid   not null,
    ci_run       bigint not null,
    attempt      bigint not null,
    stage        text   not null
        check (stage in ('lint', 'unit_tests', 'build_image', 'integration_tests', 'push_to_registry')),
    status       text   not null check (status in ('pending', 'running', 'passed', 'failed')),
    conclusion   text,
    url          text,
    started_at   timestamptz,
    completed_at timestamptz,
    primary key (org_id, creation_id, ci_run, attempt, stage),
    foreign key (org_id, creation_id) references creations,
    constraint a_finished_stage_has_its_conclusion check ((status in ('passed', 'failed')) = (conclusion is not null)),
    constraint only_success_passes check ((status = 'passed') = (conclusion is not distinct from 'success'))
);

call isolate('ci_runs');
call isolate('ci_stages');

grant select, insert, update on ci_runs, ci_stages to stationmaster_app, stationmaster_worker;
