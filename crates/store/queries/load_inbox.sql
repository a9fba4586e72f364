-- What waits in the inboxes of runs $1, oldest first. An event is stored once, however many runs it goes to.
select i.run_id as "run_id!", i.inbox_id as "inbox_id!", i.body::text as "body!", e.envelope::text as envelope
from inbox i
left join deliveries d on d.delivery_id = i.delivery
left join events e on e.event_id = d.event_id
where i.run_id = any($1)
order by i.run_id, i.inbox_id
