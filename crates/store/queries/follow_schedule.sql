-- Sets the schedule of a name; registering the same definition again leaves its next time as it is.
insert into schedules (org_id, namespace, name, definition, version, event_types, time, due_at)
values ($1, $2, $3, $4, $5, $6, $7, $8)
on conflict (org_id, namespace, name) do nothing
