# `make test` and `make up` do their own set-up; a machine needs python3 (3.11 or 3.12) and make, no more.

BIN := .venv/bin
STAMP := .venv/.stamp
TERMINAL := frontend/dist/index.html
TERMINAL_SOURCES := $(shell find frontend -type f -not -path 'frontend/node_modules/*' -not -path 'frontend/dist/*' 2>/dev/null)
ARGS ?=

# Every run hashes differently, so that nothing can come to depend on a set's order; a failure is repeated with the seed it printed.
PYTHONHASHSEED ?= $(shell od -An -N4 -tu4 /dev/urandom | tr -d ' ')
TEST_WORKERS ?= auto
# Each worker may run servers and an archive of its own.
TEST_WORKERS_MAX ?= 8

.DEFAULT_GOAL := help
.PHONY: help setup compiled test lint check format env-example calendar conditions lock up terminal terminal-check bench clean distclean

help: ## this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-12s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

setup: $(STAMP) ## make .venv from requirements.lock (PYTHON=... chooses the interpreter)
	@:

$(STAMP): requirements.lock pyproject.toml .ci/venv.sh
	@sh .ci/venv.sh
	@touch $@

compiled: $(STAMP) ## compile operators, where this machine has a C compiler: faster, the same bytes
	@$(BIN)/python tools/compile_operators.py

test: export PYTHONHASHSEED := $(PYTHONHASHSEED)
test: compiled ## every test (ARGS='-k name' narrows; UNDERTOW_REQUIRE_ENGINES=1 makes a missing engine a failure)
	@echo "PYTHONHASHSEED=$$PYTHONHASHSEED"
	@$(BIN)/python -m pytest -n $(TEST_WORKERS) --maxprocesses $(TEST_WORKERS_MAX) --dist loadfile $(ARGS)

lint: $(STAMP) ## style, types, the rooms' import rule, generated files
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports --no-logo
	$(BIN)/python -m pip --disable-pip-version-check check
	@$(BIN)/python -c 'from events.settings import env_example as e; print(e(), end="")' | cmp -s - .env.example \
		|| { echo "undertow: .env.example differs from events/settings.py; run: make env-example" >&2; exit 1; }

check: lint test ## what CI holds a change to

format: $(STAMP) ## let ruff put the source in order
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

env-example: $(STAMP) ## write .env.example from the settings
	@$(BIN)/python -c 'from events.settings import env_example as e; print(e(), end="")' > .env.example.new
	@mv .env.example.new .env.example

calendar: $(STAMP) ## write events/holidays.py from the calendar library
	@$(BIN)/python tools/make_calendar.py

conditions: $(STAMP) ## write docs/conditions.md from the table of sale conditions
	@$(BIN)/python -c 'from events.conditions import page; print(page(), end="")' > docs/conditions.md

rules-page: $(STAMP) ## write docs/rules.md from the rules
	@$(BIN)/python -c 'from operators.rules.page import page; print(page(), end="")' > docs/rules.md.new
	@mv docs/rules.md.new docs/rules.md

# The lock is made on 3.11: what resolves there also installs on 3.12, not the other way round.
lock: $(STAMP) ## resolve requirements.lock again (ARGS=--upgrade for newer versions)
	@$(BIN)/python -c 'import sys; sys.exit(sys.version_info[:2] != (3, 11))' \
		|| { echo "undertow: make lock needs a .venv of Python 3.11" >&2; exit 1; }
	$(BIN)/pip-compile --quiet --all-extras --strip-extras --allow-unsafe --generate-hashes --no-header --no-emit-index-url \
		--no-emit-find-links --no-emit-trusted-host --output-file requirements.lock $(ARGS) pyproject.toml

up: $(STAMP) ## run everything on this machine: synthetic market, flow, archive, gateway, terminal
	@$(MAKE) --no-print-directory -j2 compiled terminal
	@$(BIN)/undertow up $(ARGS)

terminal: $(TERMINAL) ## build the terminal into frontend/dist
	@:

terminal-check: $(STAMP) ## the terminal's style, types and unit tests
	@sh .ci/terminal.sh check

$(TERMINAL): $(TERMINAL_SOURCES) .ci/terminal.sh .ci/node.lock | $(STAMP)
	@sh .ci/terminal.sh

bench: compiled ## measure the pipeline
	@$(BIN)/undertow bench pipeline $(ARGS)

clean: ## caches and build output
	rm -rf build *.egg-info .mypy_cache .ruff_cache .pytest_cache .import_linter_cache .hypothesis
	find . -name __pycache__ -not -path './.venv/*' -prune -exec rm -rf {} +

distclean: clean ## clean, and .venv
	rm -rf .venv
