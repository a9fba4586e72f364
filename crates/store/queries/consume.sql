-- Deletes rows of inboxes ($1 runs, $2 rows) with the commit of the facts made of them; $3 is the fact's seq, null where the
-- row is only discarded: its event may still be had by a later wait.
with gone as (
    delete from inbox i
    using unnest($1::uuid[], $2::bigint[], $3::bigint[]) as c (run_id, inbox_id, seq)
    where i.run_id = c.run_id and i.inbox_id = c.inbox_id
    returning i.delivery, c.seq
)
update deliveries d set consumed = gone.seq from gone where d.delivery_id = gone.delivery
