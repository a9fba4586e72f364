-- Approval gates: the row is the arbiter, deciding and expiring both lock it (DESIGN 5, 6). No path leads from a time to
-- 'approved': that state requires its decisions, and only a decision counts.

create table gates (
    gate_id            uuid        primary key,
    org_id             uuid        not null,
    run_id             uuid        not null,
    pointer            text        not null,
    visit              bigint      not null,
    subject            text        not null,
    subject_digest     bytea       not null check (octet_length(subject_digest) = 32),
    request            json        not null,
    requested_by       text        not null,
    approver_roles     text[]      not null check (cardinality(approver_roles) > 0),
    required_approvals integer     not null check (required_approvals >= 1),
    four_eyes          boolean     not null,
    opened_at          timestamptz not null,
    expires_at         timestamptz,
    state              text        not null default 'pending'
        check (state in ('pending', 'approved', 'rejected', 'expired', 'withdrawn')),
    resolved_at        timestamptz,
    approvals          integer     not null default 0,
    constraint a_resolved_gate_has_its_time check ((state = 'pending') = (resolved_at is null)),
    constraint approval_takes_its_quorum check (state <> 'approved' or approvals >= required_approvals),
    constraint only_a_gate_with_an_end_expires check (state <> 'expired' or (expires_at is not null and resolved_at >= expires_at)),
    unique (run_id, pointer, visit)
);

create index gates_by_age on gates (org_id, state, opened_at, gate_id);

create table decisions (
    gate_id    uuid        not null,
    decided_by text        not null,
    org_id     uuid        not null,
    on_behalf  text,
    role       text        not null,
    verdict    text        not null check (verdict in ('approve', 'reject')),
    reason     text,
    decided_at timestamptz not null,
    primary key (gate_id, decided_by),
    constraint a_rejection_says_why check (verdict <> 'reject' or length(reason) > 0)
);

create trigger decisions_are_immutable before update or delete on decisions
    for each row execute function refuse_change();
create trigger decisions_are_kept before truncate on decisions
    for each statement execute function refuse_change();

call isolate('gates');
call isolate('decisions');

grant select, insert, update on gates to stationmaster_app, stationmaster_worker;
grant select, insert on decisions to stationmaster_app, stationmaster_worker;
