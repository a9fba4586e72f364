-- Runs $1 with their facts, in order: those since the snapshot where there is one, all of them where there is none or where
-- $2 leaves it out. `waits` says whether anything is in the inbox.
select r.run_id as "run_id!", r.org_id as "org_id!", r.definition as "definition!", r.parent_run, r.parent_pointer,
    r.parent_visit, r.awaited as "awaited!",
    case when r.phase = 'quarantined' then r.reason end as quarantined,
    s.seq as "seq?", s.state::text as state,
    array(
        select f.body::text from facts f where f.run_id = r.run_id and f.seq >= coalesce(s.seq, 0) order by f.seq
    ) as "facts!",
    exists (select from inbox i where i.run_id = r.run_id) as "waits!"
from runs r
left join snapshots s on s.run_id = r.run_id and not $2
where r.run_id = any($1)
