-- Takes up to $4 due runs of queue $1, level by level: each level is a short walk along `activations_due`, which holds
-- neither what others hold nor, before the bound, what is due later. Tokens are $5 followed by $6 + 1, $6 + 2, …
with due as materialized (
    select found.run_id
    from unnest(array[0, 1, 2, 3]::smallint[]) as level (priority)
    cross join lateral (
        select a.run_id
        from activations a
        where a.queue = $1 and a.priority = level.priority and a.lease is null and a.due_at <= (select engine_now())
            and a.semantics = any($2)
            and a.needs = any(array(select s.set_id from function_sets s where s.functions <@ $3))
        order by a.due_at
        limit $4
        for update skip locked
    ) found
    limit $4
), numbered as (
    select run_id, row_number() over () as number from due
), claimed as (
    update activations a
    set lease = $5 || int8send($6 + numbered.number),
        lease_until = statement_timestamp() + $7::float8 * interval '1 second',
        claims = least(a.claims + 1, 1000)
    from numbered
    where a.run_id = numbered.run_id
    returning a.run_id, a.org_id, a.lease, a.wake, a.claims
)
select engine_now() as "now!", c.factor as "factor!", claimed.run_id as "run_id?", claimed.org_id as "org_id?",
    claimed.lease as "lease?", claimed.wake as "wake?", claimed.claims as "claims?"
from clock c left join claimed on true
