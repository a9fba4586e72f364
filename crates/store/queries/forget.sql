-- What nobody needs of runs $1 once they have ended.
with activation as (delete from activations where run_id = any($1)),
    waits as (delete from subscriptions where run_id = any($1)),
    messages as (delete from inbox where run_id = any($1)),
    delivered as (delete from deliveries where run_id = any($1))
delete from snapshots where run_id = any($1)
