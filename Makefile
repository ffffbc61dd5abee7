# make demo       installs into .venv, then trains and judges a detector on real digits
# make test       installs into .venv what the tests need, then runs them
# make test-slow  the tests that take minutes
# make bench      the benchmarks
# make lint       ruff
# Another Python than python3: make demo PYTHON=python3.12. More or fewer test processes: make test WORKERS=4.

PYTHON ?= python3
WORKERS ?= 2
VENV := .venv
PY := $(VENV)/bin/python

.PHONY: demo test test-slow bench lint clean

demo: $(VENV)/.kerasnd
	bin/train --method=ocnn --dataset=digits --normal=3 --overwrite

test: $(VENV)/.kerasnd-test
	$(PY) -m pytest -n $(WORKERS) --dist=loadfile

test-slow: $(VENV)/.kerasnd-test
	$(PY) -m pytest -m slow

bench: $(VENV)/.kerasnd
	$(PY) benchmarks/run.py

lint: $(VENV)/.kerasnd-dev
	$(PY) -m ruff check .

clean:
	rm -rf build kerasnd.egg-info .pytest_cache .ruff_cache .hypothesis

# Stamps: pip runs anew only where setup.py is newer than its last success.
$(VENV)/.kerasnd: setup.py
	@$(PYTHON) -c 'import sys; sys.exit(not (3, 11) <= sys.version_info[:2] <= (3, 13))' || \
	{ echo "kerasnd needs Python 3.11 to 3.13; $(PYTHON) is $$($(PYTHON) --version 2>&1)." \
	"Name another: make $(MAKECMDGOALS) PYTHON=python3.12" >&2; exit 1; }
	@$(PY) -m pip --version >/dev/null 2>&1 || $(PYTHON) -m venv --clear $(VENV)
	$(PY) -m pip install --disable-pip-version-check --quiet --editable .
	@touch $@

$(VENV)/.kerasnd-test: $(VENV)/.kerasnd
	$(PY) -m pip install --disable-pip-version-check --quiet --editable '.[test]'
	@touch $@

$(VENV)/.kerasnd-dev: $(VENV)/.kerasnd
	$(PY) -m pip install --disable-pip-version-check --quiet --editable '.[dev]'
	@touch $@
