-- Handoffs of agents to the service team, what was promised about them, and the promises between teams that were missed.

create table handoffs (
    org_id       uuid        not null,
    handoff_id   uuid        not null,
    creation_id  uuid        not null,
    agent_id     uuid        not null,
    submitted_by text        not null,
    submitted_at timestamptz not null,
    ola_deadline timestamptz not null,
    checklist    jsonb       not null,
    notes        text        check (char_length(notes) <= 2000),
    state        jsonb       not null,
    status       text        not null generated always as (state ->> 'status') stored,
    review_notes text        check (char_length(review_notes) <= 2000),
    version      bigint      not null default 1,
    updated_at   timestamptz not null,
    primary key (org_id, handoff_id),
    foreign key (org_id, creation_id) references creations,
    foreign key (org_id, agent_id) references agents,
    constraint status_is_known check (status in ('pending_service_acceptance', 'accepted', 'rejected')),
    constraint a_status_has_its_data check (case status
        when 'accepted' then state ?& array['accepted_by', 'accepted_at']
        when 'rejected' then state ?& array['rejected_by', 'rejected_at', 'reason']
        else state ?& array['submitted_by', 'ola_deadline'] end),
    constraint all_eight_items check (checklist ?& array['docker_image_built_and_pushed', 'runbook_documented',
        'health_check_endpoint_working', 'monitoring_dashboard_created', 'alert_thresholds_configured',
        'oncall_engineer_assigned', 'sla_defined_and_agreed', 'load_testing_completed'])
);

-- One review at a time for an agent (A26).
create unique index handoffs_open on handoffs (org_id, agent_id) where status = 'pending_service_acceptance';
create index handoffs_by_age on handoffs (org_id, submitted_at, handoff_id);

create function guard_handoff() returns trigger
    language plpgsql as $$
begin
    if old.state ->> 'status' <> 'pending_service_acceptance' then
        raise exception 'handoff % is %: a decision is final', old.handoff_id, old.status
            using errcode = 'integrity_constraint_violation';
    end if;
    return new;
end $$;

create trigger handoffs_are_decided_once before update on handoffs
    for each row execute function guard_handoff();

create table sla_definitions (
    org_id         uuid        not null,
    sla_id         uuid        not null,
    agent_id       uuid        not null,
    sla_type       text        not null check (sla_type in ('standard', 'premium', 'custom')),
    metrics        jsonb       not null,
    support_sla    jsonb       not null,
    effective_date date        not null,
    defined_by     text        not null,
    created_at     timestamptz not null,
    primary key (org_id, sla_id),
    foreign key (org_id, agent_id) references agents
);

create index sla_definitions_by_agent on sla_definitions (org_id, agent_id, effective_date, created_at);

-- A missed promise decides nothing (A11, A40); it is recorded once.
create table ola_breaches (
    org_id       uuid        not null,
    ola          text        not null check (ola in ('genesis_validation', 'handoff_review')),
    subject      text        not null,
    deadline     timestamptz,
    recorded_at  timestamptz not null,
    escalated_to text        not null,
    run_id       uuid        not null,
    primary key (org_id, ola, subject)
);

call isolate('handoffs');
call isolate('sla_definitions');
call isolate('ola_breaches');

grant select, insert on handoffs, sla_definitions, ola_breaches to stationmaster_app, stationmaster_worker;
grant update (state, review_notes, version, updated_at) on handoffs to stationmaster_app, stationmaster_worker;
