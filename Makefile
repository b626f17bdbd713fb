# Everything that a contributor types. Each target sets up what it needs in .venv, once; `make demo` needs only git,
# Python >= 3.11, make and a shell.

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
# One more than there are processors: tests wait for disks, browsers and servers.
JOBS ?= $(shell expr `getconf _NPROCESSORS_ONLN` + 1)
SECONDS ?= 600
# Bytecode is what makes a hook fast: whoever switched it off has it written all the same, here.
unexport PYTHONDONTWRITEBYTECODE

.PHONY: help demo test test-long lint format bench torture pictures samples managers clean
help: ## Say what there is
	@sed -n 's/^\([a-z-]*\):.*## /\1\t/p' $(MAKEFILE_LIST) | expand -t 12

demo: $(VENV)/.base ## Play the seed's timeline in a scratch repository
	@$(BIN)/agentsync demo

test: $(VENV)/.test managers ## Run the tests that everybody runs
	$(BIN)/python -m pytest -n $(JOBS)

test-long: $(VENV)/.test managers ## Run the long ones: many random histories, kills, corruptions, every benchmark once
	$(BIN)/python -m pytest -n $(JOBS) -m long -o faulthandler_timeout=900

lint: $(VENV)/.lint ## ruff, mypy --strict, shellcheck
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/mypy
	$(BIN)/shellcheck hooks/*

format: $(VENV)/.lint ## Put the code into the form that lint wants
	$(BIN)/ruff check --fix
	$(BIN)/ruff format

bench: $(VENV)/.bench managers ## Measure beside the peers; writes the table of docs/performance.md
	$(BIN)/python -m bench

torture: $(VENV)/.test ## Failing calls, cut power, a crowd; SECONDS each; writes the numbers of docs/reliability.md
	PYTHONPATH=tests $(BIN)/python -m torture --seconds $(SECONDS) --write

pictures: $(VENV)/.test ## Make the pictures of docs/images from the running program; needs chromium
	PYTHONPATH=tests $(BIN)/python -m lab.pictures

samples: $(VENV)/.test ## Run what the documentation shows, and write its samples, the first hour and the picture anew
	PYTHONPATH=tests $(BIN)/python -m lab.samples

managers: ## Install husky, lefthook and axe for the tests, where there is an npm
	@if command -v npm >/dev/null; then \
	    for folder in tests/managers tests/axe; do \
	        [ $$folder/node_modules/.package-lock.json -nt $$folder/package-lock.json ] \
	            || npm ci --silent --no-audit --no-fund --prefix $$folder || exit 1; \
	    done; \
	else echo "no npm: the tests with husky, lefthook and axe will be skipped"; fi

clean: ## Remove what these targets made
	rm -rf $(VENV) tests/managers/node_modules tests/axe/node_modules dist .mypy_cache .ruff_cache .pytest_cache .hypothesis

$(VENV)/.base: pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' \
	    || { echo "agentsync needs Python 3.11 or newer; name one: make PYTHON=python3.12 ..."; exit 1; }
	@[ -x $(BIN)/python ] || { echo "setting up $(VENV)"; $(PYTHON) -m venv $(VENV); } \
	    || { rm -rf $(VENV); echo "on Debian and Ubuntu: apt-get install python3-venv"; exit 1; }
	@$(BIN)/python -m pip install --quiet --upgrade 'pip>=25.1'
	@$(BIN)/python -m pip install --quiet --editable .
	@touch $@

$(VENV)/.test $(VENV)/.lint $(VENV)/.bench: $(VENV)/.%: $(VENV)/.base
	@$(BIN)/python -m pip install --quiet --group $*
	@touch $@
