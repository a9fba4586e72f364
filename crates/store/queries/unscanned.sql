select s.subscription_id, s.org_id, s.run_id, r.definition, s.pointer, s.visit, s.filter, s.event_type, s.correlation, s.key
from subscriptions s
join runs r on r.run_id = s.run_id
where not s.scanned and ($1::uuid is null or s.run_id = $1)
order by s.subscription_id
limit $2
