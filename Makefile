PYTHON ?= python3
BIN := .venv/bin
# Two stamps: `make demo` needs less than the other targets, and that installs in half the time.
SANDBOX := .venv/sandbox
INSTALLED := .venv/installed
PYTEST := -n 4 --dist loadfile --no-loadscope-reorder
export DAGSTER_DISABLE_TELEMETRY := yes
# Without bytecode each of the many processes of Dagster takes twice as long to start.
unexport PYTHONDONTWRITEBYTECODE

.PHONY: demo ui help fast test test-ui test-production test-containers test-newest check bench bench-accounts install clean

demo: $(SANDBOX)  ## land the last 24 settled hours of an emulated Duo in a real S3 server, through Dagster
	@$(BIN)/duo-pipeline demo

ui: $(SANDBOX)  ## run the sandbox with Dagster's UI and daemon, until Ctrl-C
	@$(BIN)/duo-pipeline ui

help:  ## show this list
	@awk -F ':.*  ## ' '/^[a-z-]+:.*  ## / {printf "%-16s %s\n", $$1, $$2}' Makefile

fast: $(INSTALLED)  ## run the tests that need neither the S3 server nor other processes
	$(BIN)/pytest -n 2 -m 'not s3' tests/duo tests/landing tests/udm

test: $(INSTALLED)  ## run the tests, except test-ui, test-production, test-containers and test-newest
	$(BIN)/pytest $(PYTEST)

test-ui: $(INSTALLED)  ## test the UI in a real browser (Chromium); screenshots go to build/screenshots
	$(BIN)/pytest -m browser tests/browser

test-production: $(INSTALLED)  ## kill each process of deploy/compose/ and deploy/celery/ during a backfill
	$(BIN)/pytest -m production tests/production

test-containers: $(INSTALLED)  ## bring the containers up, kill, upgrade and restore them; needs Docker, as root
	$(BIN)/pytest -m containers tests/containers

test-newest: build/newest.txt build/oldest.txt  ## run the tests with the newest and the oldest Dagster allowed
	@for age in newest oldest; do \
		$(PYTHON) tools/install.py build/$$age build/$$age.txt dev --upgrade \
		&& build/$$age/bin/dagster --version && build/$$age/bin/pytest $(PYTEST) || exit; \
	done

check: $(INSTALLED)  ## check lint, format, types and what may import what
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports --no-cache --no-logo

bench: $(INSTALLED)  ## run the benchmarks: ratios, measured side by side
	@$(BIN)/python -m benchmarks

bench-accounts: $(INSTALLED)  ## measure what many accounts cost on one machine; needs PostgreSQL
	@$(BIN)/python -W ignore -m benchmarks.many_accounts

install: $(INSTALLED)  ## install everything that any target needs, in .venv

build/newest.txt: constraints.txt
	@mkdir -p build && grep -v '^dagster' $< > $@

build/oldest.txt: constraints.txt
	@mkdir -p build && sed -E 's/^(dagster.*==(1\.13|0\.29))\..*/\1.22/' $< > $@

$(SANDBOX): pyproject.toml constraints.txt tools/install.py
	$(PYTHON) tools/install.py .venv constraints.txt sandbox
	@touch $@

$(INSTALLED): pyproject.toml constraints.txt tools/install.py
	$(PYTHON) tools/install.py .venv constraints.txt dev
	@touch $(SANDBOX) $@

clean:  ## delete everything that these targets have made
	rm -rf .venv .sandbox build *.egg-info .pytest_cache .mypy_cache .ruff_cache .hypothesis
