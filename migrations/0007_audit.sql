-- The audit trail: written with what it audits, then sealed into one hash chain per organisation by one sequencer. A row
-- never changes but for being sealed, once; the trigger says so to every role, the owner's included.

create table audit (
    audit_id    bigint      generated always as identity primary key,
    org_id      uuid        not null,
    at          timestamptz not null,
    actor       text        not null,
    action      text        not null,
    subject     text        not null,
    run_id      uuid,
    correlation text        not null,
    details     json        not null,
    seq         bigint,
    prev_hash   bytea,
    hash        bytea,
    constraint sealed_at_once check (num_nonnulls(seq, prev_hash, hash) in (0, 3)),
    constraint hashes_are_whole check (octet_length(prev_hash) = 32 and octet_length(hash) = 32),
    unique (org_id, seq)
);

create index audit_unsealed on audit (audit_id) where seq is null;
create index audit_by_subject on audit (org_id, subject, audit_id);

create table audit_heads (
    org_id uuid   primary key,
    seq    bigint not null,
    hash   bytea  not null check (octet_length(hash) = 32)
);

create function keep_audit() returns trigger
    language plpgsql as $$
begin
    if tg_op = 'UPDATE' and old.seq is null and new.seq is not null
        and (new.audit_id, new.org_id, new.at, new.actor, new.action, new.subject, new.correlation, new.details::text)
            = (old.audit_id, old.org_id, old.at, old.actor, old.action, old.subject, old.correlation, old.details::text)
        and new.run_id is not distinct from old.run_id
    then
        return new;
    end if;
    raise exception '% of the audit trail is refused: its rows are kept as they were written', tg_op
        using errcode = 'integrity_constraint_violation';
end $$;

create trigger audit_is_append_only before update or delete on audit
    for each row execute function keep_audit();
create trigger audit_is_kept before truncate on audit
    for each statement execute function refuse_change();

call isolate('audit');
call isolate('audit_heads');

grant select, insert on audit to stationmaster_app, stationmaster_worker;
grant update (seq, prev_hash, hash) on audit to stationmaster_worker;
grant select, insert, update on audit_heads to stationmaster_worker;
grant select on audit_heads to stationmaster_app;
