-- Events about runs themselves (DSL L2): published by the commit that changes the run, and only where somebody waits for
-- events of that very type, for there are many.

create function is_awaited(org uuid, wanted text) returns boolean
    language sql stable
    return exists (select from correlations c where c.org_id = org and c.event_type = wanted)
        or exists (select from schedules s where s.org_id = org and s.event_types <> '{}' and s.event_types @> array[wanted]);

-- The envelope: `name` is the qualified name of DSL L4; what is particular to a phase is in `more`.
create function lifecycle_event(type text, run uuid, namespace text, name text, version text, word text, at timestamptz, more json)
    returns json language sql stable
    return json_build_object(
        'specversion', '1.0', 'id', run || '/' || word || '/' || extract(epoch from at), 'source', '/runs/' || run,
        'type', type, 'subject', run, 'time', to_char(at at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"'),
        'datacontenttype', 'application/json',
        'data', (select json_object_agg(e.key, e.value) from (
            select * from json_each(json_build_object(
                'name', name || '-' || run || '.' || namespace,
                'definition', json_build_object('namespace', namespace, 'name', name, 'version', version),
                word || 'At', to_char(at at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"')))
            union all
            select * from json_each(coalesce(more, '{}'))) e));

grant select on correlations to stationmaster_app;
