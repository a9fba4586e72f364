//! What a test adds to a database, and asks it, to know what a worker is doing.

/// Says that something was committed; for tests only.
pub(crate) const SIGNALS: &str = r"
create function signal() returns trigger language plpgsql as $$
begin
    perform pg_notify('committed', '');
    return null;
end $$;
create trigger signal after insert or update or delete on activations for each statement execute function signal();
create trigger signal after insert or update on schedules for each statement execute function signal();
create trigger signal after update on runs for each statement execute function signal();
create trigger signal after update on events for each statement execute function signal();
create trigger signal after update on subscriptions for each statement execute function signal();
";

/// Lets a worker commit facts once, and keeps it waiting at the next commit until it is killed; for tests only. Without a
/// number of commits that are left, nothing is kept waiting.
pub(crate) const PACE: &str = r"
create table pace as select null::integer as commits;
grant select, update on pace to public;
create function pace() returns trigger language plpgsql as $$
declare
    remaining integer;
begin
    if current_user <> 'stationmaster_worker' then
        return null;
    end if;
    update pace set commits = commits - 1 returning commits into remaining;
    if remaining < 0 then
        perform pg_advisory_xact_lock_shared(1);
    elsif remaining >= 0 then
        perform pg_notify('committed', 'facts');
    end if;
    return null;
end $$;
create trigger pace before insert on facts for each statement execute function pace();
";

/// What a worker has to do before nothing happens by itself any more.
pub(crate) const BUSY: &str = "
select exists (select from activations a join runs r using (run_id)
               where a.lease is not null or (a.due_at <= engine_now() and r.phase = 'running'))
    or exists (select from events where not routed)
    or exists (select from subscriptions where not scanned)
    or exists (select from schedules where due_at <= engine_now())
    or exists (select from inbox i join runs r using (run_id) where r.phase = 'running')
";

/// What is left of a worker that is gone: its connections end (those of the test are made again), and its leases expire.
pub(crate) const AFTERMATH: &str = "
select pg_terminate_backend(pid, 60000) from pg_stat_activity
where datname = current_database() and application_name = 'stationmaster';
update activations set lease_until = '2000-01-01' where lease is not null;
";
