select r.run_id as "run_id!", r.org_id as "org_id!", r.definition as "definition!", r.parent_run, r.parent_pointer,
    r.parent_visit, r.awaited as "awaited!",
    case when r.phase = 'quarantined' then r.reason end as quarantined,
    s.seq as "seq?", s.state::text as state
from runs r
left join snapshots s on s.run_id = r.run_id and not $2
where r.run_id = any($1)
