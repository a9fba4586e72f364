-- Schedules that wait for their last run to end, and whose last run has: locked, with the time of that end.
select s.org_id, s.namespace, s.name, s.version, s.definition, r.ended_at as "time!", false as "busy!"
from schedules s
join runs r on r.run_id = s.last_run
where s.due_at is null and s.last_run is not null and r.ended_at is not null
order by s.last_run
limit $1
for update of s skip locked
