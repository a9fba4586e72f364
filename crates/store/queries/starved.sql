-- Runs that are due and that a worker with semantics $1 and functions $2 cannot run, by what they need.
select a.queue as "queue!", a.semantics as "semantics!", s.functions as "functions!", count(*) as "runs!"
from activations a
join function_sets s on s.set_id = a.needs
where a.lease is null and a.due_at <= engine_now() and not (a.semantics = any($1) and s.functions <@ $2)
group by 1, 2, 3
order by 1, 2, 3
