-- Old runs, events and requests may be deleted (REQUIREMENTS R12); the history of a run that goes on may not, by anybody,
-- and no fact is ever changed. The audit trail and the definitions stay.

create function keep_history() returns trigger
    language plpgsql as $$
begin
    if tg_op = 'DELETE' and exists (select from runs r where r.run_id = old.run_id and r.ended_at is not null) then
        return old;
    end if;
    raise exception '% of facts is refused: the history of a run is kept as it was written', tg_op
        using errcode = 'integrity_constraint_violation';
end $$;

create trigger facts_are_append_only before update or delete on facts
    for each row execute function keep_history();
create trigger facts_are_kept before truncate on facts
    for each statement execute function refuse_change();

grant delete on facts to stationmaster_worker;

create index runs_ended on runs (ended_at) where ended_at is not null;
create index events_by_receipt on events (received_at) where routed;
create index idempotency_keys_by_age on idempotency_keys (created_at);
create index webhook_deliveries_by_age on webhook_deliveries (received_at);

create index deliveries_by_event on deliveries (event_id);

-- A sweeper withdraws what nobody waits for any more.
create index gates_pending on gates (gate_id) where state = 'pending';
