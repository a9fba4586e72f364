-- The server's counters; `to_jsonb` because later versions count the flushes of the log elsewhere.
select pg_wal_lsn_diff(pg_current_wal_insert_lsn(), '0/0')::bigint as "wal_bytes!",
    (to_jsonb(w) ->> 'wal_sync')::bigint as fsyncs,
    d.xact_commit as "commits!",
    (select count(*) from pg_stat_activity a
        where a.datname = d.datname and a.backend_type = 'client backend' and a.pid <> pg_backend_pid()) as "sessions!",
    case when coalesce(inet_server_addr(), '127.0.0.1') in ('127.0.0.1', '::1') then pg_backend_pid() end as process
from pg_stat_wal w, pg_stat_database d
where d.datname = current_database()
