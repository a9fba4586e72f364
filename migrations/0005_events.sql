-- Events and the runs that wait for them. Each is committed first and matched afterwards; `routed` and `scanned` say that it
-- has been (DESIGN 5, "Events match after commit").

create table events (
    event_id    bigint      generated always as identity primary key,
    org_id      uuid        not null,
    received_at timestamptz not null,
    type        text        not null,
    source      text        not null,
    id          text        not null,
    envelope    json        not null,
    routed      boolean     not null default false
);

create index events_unrouted on events (event_id) where not routed;
create index events_by_type on events (org_id, type, event_id);

-- Apart from `events`, so that events can be dropped by age while their identity still refuses a repetition.
create table event_ids (
    org_id uuid not null,
    source text not null,
    id     text not null,
    primary key (org_id, source, id)
);

-- `event_type` is empty where any type may match; `correlation` is the JSON array of the expressions that give an event's
-- key, and `key` the hash of the values expected of it. `seq` is the fact that registered the wait.
create table subscriptions (
    subscription_id bigint      generated always as identity primary key,
    org_id          uuid        not null,
    run_id          uuid        not null,
    pointer         text        not null,
    visit           bigint      not null,
    filter          integer     not null,
    seq             bigint      not null,
    event_type      text        not null,
    correlation     text        not null,
    key             text        not null,
    scanned         boolean     not null default false,
    unique (run_id, pointer, visit, filter)
);

create index subscriptions_by_key on subscriptions (org_id, event_type, correlation, key, subscription_id);
create index subscriptions_unscanned on subscriptions (subscription_id) where not scanned;

-- The ways in which a type's events are keyed: few, and never removed. A router reads these instead of every subscription.
create table correlations (
    org_id      uuid not null,
    event_type  text not null,
    correlation text not null,
    primary key (org_id, event_type, correlation)
);

-- Which event went to which wait; kept until the run ends. `consumed` is the fact that took it.
create table deliveries (
    delivery_id     bigint generated always as identity unique,
    run_id          uuid   not null,
    event_id        bigint not null,
    subscription_id bigint not null,
    org_id          uuid   not null,
    consumed        bigint,
    primary key (run_id, event_id, subscription_id)
);

call isolate('events');
call isolate('event_ids');
call isolate('subscriptions');
call isolate('correlations');
call isolate('deliveries');

grant select, insert, update, delete on events, event_ids, subscriptions, correlations, deliveries to stationmaster_worker;
grant select, insert on events, event_ids to stationmaster_app;
grant select on subscriptions to stationmaster_app;
