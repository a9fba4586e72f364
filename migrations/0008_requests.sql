-- What was asked of the API before: a repeated request gets the answer of the first, a repeated webhook changes nothing.

create table idempotency_keys (
    org_id       uuid        not null,
    caller       text        not null,
    key          text        not null,
    request_hash bytea       not null,
    created_at   timestamptz not null,
    status       smallint,
    answer       text,
    constraint answered_at_once check (num_nonnulls(status, answer) in (0, 2)),
    primary key (org_id, caller, key)
);

create table webhook_deliveries (
    org_id      uuid        not null,
    source      text        not null,
    delivery_id text        not null,
    received_at timestamptz not null,
    primary key (org_id, source, delivery_id)
);

call isolate('idempotency_keys');
call isolate('webhook_deliveries');

grant select, insert, update on idempotency_keys to stationmaster_app;
grant select, insert on webhook_deliveries to stationmaster_app;
grant select, delete on idempotency_keys, webhook_deliveries to stationmaster_worker;
