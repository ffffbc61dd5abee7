"""Many runs: cells of a table, trained on this machine, on a Ray cluster or by Slurm, and what came of them."""
