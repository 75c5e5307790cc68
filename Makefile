PYTHON ?= python3
BIN := .venv/bin
INSTALLED := .venv/installed
export DAGSTER_DISABLE_TELEMETRY := yes

.PHONY: demo ui test test-ui test-production check bench bench-accounts install clean

demo: $(INSTALLED)  ## the last 24 settled hours of an emulated Duo, through Dagster, into a real S3 server
	@$(BIN)/duo-pipeline demo

ui: $(INSTALLED)  ## the sandbox, Dagster's UI and daemon, until Ctrl-C
	@$(BIN)/duo-pipeline ui

test: $(INSTALLED)  ## the tests
	$(BIN)/pytest -n 4 --dist loadfile --no-loadscope-reorder

test-ui: $(INSTALLED)  ## the UI in a real browser, Debian's Chromium; screenshots in build/screenshots
	$(BIN)/pytest -m browser tests/browser

test-production: $(INSTALLED)  ## the processes of deploy/compose/ and deploy/celery/, each killed in a backfill
	$(BIN)/pytest -m production tests/production

check: $(INSTALLED)  ## lint, format, types, definitions
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

bench: $(INSTALLED)  ## the benchmarks, as ratios measured side by side
	@$(BIN)/python -m benchmarks

bench-accounts: $(INSTALLED)  ## what many accounts cost on one machine; needs PostgreSQL
	@$(BIN)/python -W ignore -m benchmarks.many_accounts

install: $(INSTALLED)

$(INSTALLED): pyproject.toml constraints.txt
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "Python 3.11 or later is needed: make PYTHON=/path/to/python3.11 …")'
	$(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt -e '.[dev]'
	@touch $@

clean:
	rm -rf .venv .sandbox build *.egg-info .pytest_cache .mypy_cache .ruff_cache .hypothesis
