"""One config file per table, published or ours. Read by `kerasnd.sweep.tables.read`, which executes them by path."""
