select s.subscription_id, s.org_id, s.run_id, r.definition, s.pointer, s.visit, s.filter, s.event_type, s.correlation, s.key
from subscriptions s
join runs r on r.run_id = s.run_id
where s.org_id = $1 and s.event_type = $2 and s.correlation = $3 and s.key = $4 and s.subscription_id > $5
order by s.subscription_id
limit $6
