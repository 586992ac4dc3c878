# make help lists the targets. PYTHON=python3.12 chooses another Python; BROWSER=0 leaves the browser tests out.

PYTHON  ?= python3
BROWSER ?= 1
export PYTHON BROWSER

VENV := .venv
BIN  := $(VENV)/bin
PIP  := $(BIN)/python -m pip --quiet --disable-pip-version-check --no-input

PLUGINS  := sample_service account_withdrawal exchange_rates network_list accounts
PROJECTS := pyproject.toml $(PLUGINS:%=plugins/%/pyproject.toml)
EDITABLE := -e . $(PLUGINS:%=-e plugins/%)

without_browser := $(if $(filter 0,$(BROWSER)), and not browser)
pytest = $(BIN)/pytest -n auto --maxprocesses 4 --dist loadfile
count = $(BIN)/pytest --collect-only -q -m "$(1)" 2>/dev/null | grep -c ::

.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
.NOTPARALLEL: # system packages come first
.PHONY: help run test test-all check bench soak clean system dev

help: ## list the targets
	@sed -n 's/^\([a-z-]*\):.*## /\1\t/p' $(MAKEFILE_LIST) | expand -t 12

run: $(VENV)/.run ## serve the shipped plugins, with local stand-ins for their providers
	@exec $(BIN)/pi-server run --sandbox

test: system dev check ## checks and tests, in under ten minutes
	@$(pytest) -m "not slow$(without_browser)"
	@echo "slow tests not run: $$($(call count,slow)) (make test-all runs them)"
	@$(call say_browser)

test-all: system dev check ## checks and every test, slow ones too
	@$(BIN)/pytest -m "(slow or not slow)$(without_browser)"
	@$(call say_browser)

say_browser = [ "$(BROWSER)" != 0 ] || echo "browser tests NOT RUN (BROWSER=0): $$($(call count,browser))"

check: dev ## lint, format, types, floors
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/mypy
	$(BIN)/pyright
	$(BIN)/lint-imports

bench: dev ## measure beside the peers
	@scripts/system-packages bench
	@$(BIN)/python -m benchmarks

soak: dev ## keep two workers busy for a quarter of an hour, and see what grows
	@scripts/system-packages bench
	@$(BIN)/python -m benchmarks.soak

clean: ## remove what the other targets made
	rm -rf $(VENV) build dist .hypothesis .import_linter_cache .mypy_cache .pytest_cache .ruff_cache
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

system:
	@scripts/system-packages test

dev: $(VENV)/.dev

# One environment; each stamp says what is in it and is renewed when its pins change.

$(BIN)/python:
	@$(PYTHON) -c 'import ensurepip, sys, venv; sys.exit(sys.version_info < (3, 11))' 2>/dev/null || { \
	  echo "pi-server needs Python 3.11 or newer with venv: type" \
	    "'apt-get install python3 python3-venv', or name another one: make PYTHON=python3.12 $(MAKECMDGOALS)" >&2; exit 1; }
	@echo "Making $(VENV)"
	@$(PYTHON) -m venv --clear $(VENV)

$(VENV)/.run: requirements/run.txt $(PROJECTS) | $(BIN)/python
	@echo "Installing what the server needs"
	@$(PIP) install --require-hashes -r requirements/run.txt
	@$(PIP) install --no-deps --no-build-isolation $(EDITABLE)
	@touch $@

$(VENV)/.dev: requirements/dev.txt $(VENV)/.run
	@echo "Installing what tests and checks need"
	@$(PIP) install --require-hashes -r requirements/dev.txt
	@touch $@
