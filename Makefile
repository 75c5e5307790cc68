PYTHON ?= python3
BIN := .venv/bin
# Two stamps: what make demo needs is installed in half the time that all of it takes.
SANDBOX := .venv/sandbox
INSTALLED := .venv/installed
PYTEST := -n 4 --dist loadfile --no-loadscope-reorder
export DAGSTER_DISABLE_TELEMETRY := yes

.PHONY: demo ui help fast test test-ui test-production test-newest check bench bench-accounts install clean

demo: $(SANDBOX)  ## the last 24 settled hours of an emulated Duo, through Dagster, into a real S3 server
	@$(BIN)/duo-pipeline demo

ui: $(SANDBOX)  ## the sandbox, Dagster's UI and daemon, until Ctrl-C
	@$(BIN)/duo-pipeline ui

help:  ## this list
	@awk -F ':.*  ## ' '/^[a-z-]+:.*  ## / {printf "%-16s %s\n", $$1, $$2}' Makefile

fast: $(INSTALLED)  ## the tests that need neither the S3 server nor processes of their own
	$(BIN)/pytest -n 2 -m 'not s3' tests/duo tests/landing tests/udm

test: $(INSTALLED)  ## the tests, but for those of a browser, of production and of other releases of Dagster
	$(BIN)/pytest $(PYTEST)

test-ui: $(INSTALLED)  ## the UI in a real browser, Debian's Chromium; screenshots in build/screenshots
	$(BIN)/pytest -m browser tests/browser

test-production: $(INSTALLED)  ## the processes of deploy/compose/ and deploy/celery/, each killed in a backfill
	$(BIN)/pytest -m production tests/production

test-newest: build/newest.txt build/oldest.txt  ## the tests with the newest and the oldest Dagster allowed
	@for age in newest oldest; do \
		$(PYTHON) tools/install.py build/$$age build/$$age.txt dev --upgrade \
		&& build/$$age/bin/dagster --version && build/$$age/bin/pytest $(PYTEST) || exit; \
	done

check: $(INSTALLED)  ## lint, format, types, import contracts
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports --no-cache --no-logo

bench: $(INSTALLED)  ## the benchmarks, as ratios measured side by side
	@$(BIN)/python -m benchmarks

bench-accounts: $(INSTALLED)  ## what many accounts cost on one machine; needs PostgreSQL
	@$(BIN)/python -W ignore -m benchmarks.many_accounts

install: $(INSTALLED)  ## the environment in .venv, with all that any target needs

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

clean:  ## away with all that these targets have made
	rm -rf .venv .sandbox build *.egg-info .pytest_cache .mypy_cache .ruff_cache .hypothesis
