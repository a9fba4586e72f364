-- Agents and their creations (REQUIREMENTS 1.2, R60-R69). The states are moved by `platform`; what must never happen, whoever
-- writes, is refused here as well: code without an approved verdict, a changed verdict, a move that no diagram shows.

create table agents (
    org_id     uuid        not null,
    agent_id   uuid        not null,
    name       text        not null check (char_length(name) between 1 and 100),
    industry   text        not null check (industry in ('marketing', 'education', 'sales')),
    specialty  text        not null check (char_length(specialty) between 1 and 200),
    status     text        not null default 'in_creation'
        check (status in ('in_creation', 'production_ready', 'abandoned')),
    lifecycle  text        not null generated always as
        (case status when 'production_ready' then 'service_phase' else 'creation_phase' end) stored,
    repository jsonb,
    created_at timestamptz not null,
    updated_at timestamptz not null,
    primary key (org_id, agent_id),
    constraint a_ready_agent_has_its_repository check (status <> 'production_ready' or repository is not null)
);

-- A name belongs to one live agent of an industry (A25); a creation that ends without an agent gives it back.
create unique index agents_live_name on agents (org_id, industry, lower(name)) where status <> 'abandoned';
create index agents_by_age on agents (org_id, created_at, agent_id);

-- One creation per agent, for good: a new request makes a new agent, and may say which creation it supersedes (A26, A41).
create table creations (
    org_id       uuid        not null,
    creation_id  uuid        not null,
    agent_id     uuid        not null,
    run_id       uuid        not null,
    requested_by text        not null,
    requested_at timestamptz not null,
    supersedes   uuid,
    manifest     json        not null,
    state        jsonb       not null,
    status       text        not null generated always as (state ->> 'status') stored,
    timeline     jsonb       not null,
    verdict      jsonb,
    code         jsonb,
    build        jsonb,
    version      bigint      not null default 1,
    updated_at   timestamptz not null,
    primary key (org_id, creation_id),
    unique (org_id, agent_id),
    unique (org_id, run_id),
    foreign key (org_id, agent_id) references agents,
    foreign key (org_id, supersedes) references creations,
    constraint status_is_known check (status in ('genesis_validation_pending', 'genesis_approved', 'genesis_rejected',
        'genesis_timeout', 'code_generation', 'code_generation_failed', 'cicd_running', 'cicd_failed', 'deployment_ready',
        'handoff_pending', 'handoff_complete', 'cancelled')),
    constraint a_status_has_its_data check (case status
        when 'genesis_approved' then state ? 'policy_hash'
        when 'genesis_rejected' then state ? 'reason'
        when 'code_generation_failed' then state ? 'error'
        when 'cicd_running' then state ? 'branch'
        when 'cicd_failed' then state ?& array['branch', 'stage']
        when 'handoff_pending' then state ?& array['handoff_id', 'ola_deadline']
        when 'handoff_complete' then state ? 'handoff_id'
        when 'cancelled' then state ?& array['at', 'reason']
        else true end),
    -- R6: nothing is generated, built or handed over without Genesis.
    constraint nothing_goes_on_without_genesis check (
        status in ('genesis_validation_pending', 'genesis_rejected', 'genesis_timeout', 'cancelled')
        or (verdict ->> 'status') is not distinct from 'approved'),
    constraint a_rejection_is_a_verdict check (
        status <> 'genesis_rejected' or (verdict ->> 'status') is not distinct from 'rejected'),
    constraint what_is_built_is_known check (
        status not in ('cicd_running', 'cicd_failed', 'deployment_ready', 'handoff_pending', 'handoff_complete')
        or num_nonnulls(code, build) = 2)
);

create index creations_by_age on creations (org_id, requested_at, creation_id);

create function creation_may_move(before text, after text) returns boolean
    language sql immutable parallel safe
    return (before, after) in (
        ('genesis_validation_pending', 'genesis_approved'),
        ('genesis_validation_pending', 'genesis_rejected'),
        ('genesis_validation_pending', 'genesis_timeout'),
        ('genesis_timeout', 'genesis_validation_pending'),
        ('genesis_approved', 'code_generation'),
        ('code_generation', 'code_generation_failed'),
        ('code_generation_failed', 'code_generation'),
        ('code_generation', 'cicd_running'),
        ('cicd_running', 'cicd_failed'),
        ('cicd_failed', 'cicd_running'),
        ('cicd_running', 'deployment_ready'),
        ('deployment_ready', 'handoff_pending'),
        ('handoff_pending', 'deployment_ready'),
        ('handoff_pending', 'handoff_complete'))
        or (after = 'cancelled' and before not in ('genesis_rejected', 'handoff_complete', 'cancelled'));

create function guard_creation() returns trigger
    language plpgsql as $$
begin
    if old.verdict ->> 'status' in ('approved', 'rejected') and new.verdict is distinct from old.verdict then
        raise exception 'the verdict on creation % stands: nobody changes it', old.creation_id
            using errcode = 'integrity_constraint_violation';
    end if;
    if new.state is distinct from old.state
        and not creation_may_move(old.state ->> 'status', new.state ->> 'status') then
        raise exception 'creation % is %: it cannot become %', old.creation_id, old.status, new.state ->> 'status'
            using errcode = 'integrity_constraint_violation';
    end if;
    return new;
end $$;

create trigger creations_move before update on creations
    for each row execute function guard_creation();

call isolate('agents');
call isolate('creations');

-- What an agent or a creation is never changes; only where it stands does. Nothing is deleted.
grant select, insert on agents, creations to stationmaster_app, stationmaster_worker;
grant update (status, repository, updated_at) on agents to stationmaster_app, stationmaster_worker;
grant update (state, timeline, verdict, code, build, version, updated_at) on creations
    to stationmaster_app, stationmaster_worker;
