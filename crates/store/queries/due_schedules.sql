-- Schedules whose time has come, locked; those that another process holds are passed over.
select s.org_id, s.namespace, s.name, s.version, s.definition, s.time as "time!",
    exists (select from runs r where r.run_id = s.last_run and r.ended_at is null) as "busy!"
from schedules s
where s.due_at <= engine_now()
order by s.due_at
limit $1
for update of s skip locked
