-- A page of an organisation's runs, the newest first; a null argument does not filter.
select r.run_id as "run_id!", r.definition as "definition!", r.namespace as "namespace!", r.name as "name!",
    r.version as "version!", r.phase as "phase!", r.queue as "queue!", r.started_by as "started_by!", r.parent_run,
    r.parent_pointer, r.parent_visit, r.awaited as "awaited!", r.created_at as "created_at!", r.ended_at, r.output::text as output, r.fault::text as fault,
    r.reason, a.due_at as "due_at?"
from runs r
left join activations a on a.run_id = r.run_id
where r.org_id = $1
    and ($2::uuid is null or r.run_id = $2)
    and ($3::text is null or r.phase = $3)
    and ($4::text is null or (r.namespace = $4 and r.name = $5))
    and ($6::uuid is null or r.parent_run = $6)
    and ($7::timestamptz is null or r.created_at >= $7)
    and ($8::timestamptz is null or r.created_at < $8)
    and ($9::timestamptz is null or (r.created_at, r.run_id) < ($9, $10))
order by r.created_at desc, r.run_id desc
limit $11
