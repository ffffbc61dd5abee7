"""The command-line programs: each turns flags into one call."""
try:
    import absl  # noqa: F401
except ModuleNotFoundError:  # a half-made .venv, or a python3 that never saw kerasnd: told in words, not as a traceback
    raise SystemExit("kerasnd: the packages that it needs are not installed for this Python. "
                     "Run `make demo` in the checkout, or `pip install .`.") from None
