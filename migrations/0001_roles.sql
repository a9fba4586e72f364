-- Two roles, because the API must not be able to leave its caller's organisation, and a worker must serve them all.
-- Both are entered by SET ROLE from whatever login the service has; neither can log in, own a table or bypass row security.
-- The login that migrates owns the tables. Where it may not create roles, an operator creates both beforehand.
--
-- Two databases of one cluster may be migrated at the same time; the second then finds the roles made.

do $$
declare
    wanted text;
begin
    foreach wanted in array array['stationmaster_app', 'stationmaster_worker'] loop
        if not exists (select from pg_roles where rolname = wanted) then
            begin
                execute format('create role %I nologin', wanted);
            exception when duplicate_object or unique_violation then
                null;
            end;
        end if;
        if not pg_has_role(current_user, wanted, 'member') then
            execute format('grant %I to current_user', wanted);
        end if;
    end loop;
end $$;

-- The organisation that the current transaction works for; null, and so nobody's, where none is set.
create function current_org() returns uuid
    language sql stable parallel safe
    return nullif(current_setting('stationmaster.org', true), '')::uuid;

-- Isolates a table that has an `org_id`: the API's role sees and writes the rows of its transaction's organisation only.
-- Every migration that makes such a table calls this, then grants what each role needs.
create procedure isolate(tenant_table regclass)
    language plpgsql as $$
begin
    execute format('alter table %s enable row level security', tenant_table);
    execute format('alter table %s force row level security', tenant_table);
    execute format('create policy tenant on %s to stationmaster_app '
        'using (org_id = (select current_org())) with check (org_id = (select current_org()))', tenant_table);
    execute format('create policy engine on %s to stationmaster_worker using (true) with check (true)', tenant_table);
end $$;
