#!/bin/sh
# Run once by the PostgreSQL image when it makes the database: the login of the services. It owns nothing and may only
# become the two roles that the migrations grant to; both exist before the first migration, so that it can be a member.
set -eu
psql --set=ON_ERROR_STOP=1 --set=password="$SERVICE_PASSWORD" --username="$POSTGRES_USER" --dbname="$POSTGRES_DB" <<'SQL'
create role stationmaster_app nologin;
create role stationmaster_worker nologin;
create role service login noinherit password :'password';
grant stationmaster_app, stationmaster_worker to service;
-- It reads which migrations were applied. Rows of organisations stay hidden from it: their policies name the two roles only.
alter default privileges grant select on tables to service;
SQL
