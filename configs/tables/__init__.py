"""One config file per method: values only. Read by `kerasnd.config.load`, which executes them by path."""
