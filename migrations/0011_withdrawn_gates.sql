-- Gates are withdrawn by the commit that ends their run, which finds them by the run: nobody sweeps for them.
drop index gates_pending;
