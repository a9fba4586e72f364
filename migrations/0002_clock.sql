-- The engine's clock: the database's time, moved and scaled, so that a month passes in a second of a demonstration.
-- Timers, facts and events are in engine time; leases are in the database's own time and are never scaled (DESIGN 5, 10).

create table clock (
    singleton     boolean primary key default true check (singleton),
    real_origin   timestamptz not null,
    engine_origin timestamptz not null,
    factor        double precision not null check (factor >= 0 and factor <= 1e9)
);

insert into clock (real_origin, engine_origin, factor) values (now(), now(), 1);

create function engine_now() returns timestamptz
    language sql stable
    return (select engine_origin + (statement_timestamp() - real_origin) * factor from clock);

grant select on clock to stationmaster_app, stationmaster_worker;
