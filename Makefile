# Hash Exchange: `make demo` shows it, `make test` proves it, `make bench` measures it.
# Everything is installed into .venv from locks with hashes; ARGS is handed on: make demo ARGS=--once

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
ARGS ?=
PIP := $(BIN)/python -m pip --disable-pip-version-check --quiet
LOCK := deploy/lock

.PHONY: help demo test faults bench pictures lint format lock clean
.DEFAULT_GOAL := help

help: ## Show these targets
	@awk -F ':.*## ' '/^[a-z]+:.*## /{printf "  make %-8s %s\n", $$1, $$2}' Makefile

demo: $(VENV)/.server ## Run the whole exchange with a sample world (ARGS=--once: the journey, then exit)
	@HX_DEMO=1 $(BIN)/python manage.py demo $(ARGS)

test: $(VENV)/.test ## Lint, types, import contracts and all tests (ARGS=--all: the slow matrices too)
	@$(BIN)/python -m tests.run $(ARGS)

faults: $(VENV)/.test ## Only the runs that kill, flush and hang things
	@$(BIN)/python -m tests.run --only-faults $(ARGS)

bench: $(VENV)/.test ## Benchmarks, one JSON object per line (ARGS="--only NAME…")
	@HX_DEMO=1 $(BIN)/python -m tests.benchmarks $(ARGS)

pictures: $(VENV)/.test ## Photograph the pages that the README shows, in the real demo
	@$(BIN)/python -m tests.pictures

lint: $(VENV)/.test ## ruff, import contracts, mypy
	@$(BIN)/python -m tests.run --only-lint $(ARGS)

format: $(VENV)/.test ## Rewrite the sources in the house format
	@$(BIN)/ruff check --fix --quiet . ; $(BIN)/ruff format .

# The test lock is resolved first; the others are constrained by it, so that what is tested is what runs.
UV_COMPILE = $(BIN)/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes \
	--no-emit-index-url --no-header --no-build
lock: $(VENV)/.made ## Resolve the locks again (ARGS=--upgrade: to the newest releases)
	@$(PIP) install uv
	@$(UV_COMPILE) $(ARGS) pyproject.toml $(LOCK)/build.in --extra server --extra test -o $(LOCK)/test.txt
	@$(UV_COMPILE) pyproject.toml $(LOCK)/build.in --extra server -c $(LOCK)/test.txt -o $(LOCK)/server.txt
	@$(UV_COMPILE) pyproject.toml $(LOCK)/build.in -c $(LOCK)/test.txt -o $(LOCK)/client.txt
	@echo pdqhash | $(filter-out --no-build,$(UV_COMPILE)) - --no-deps -o $(LOCK)/oracles.txt

clean: ## Remove what the demo and the tests left (keeps .venv)
	@rm -rf var .pytest_cache .mypy_cache .ruff_cache .import_linter_cache .hypothesis build *.egg-info

$(VENV)/.made:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { \
		echo "Hash Exchange needs Python 3.11 or newer; $(PYTHON) is older. Try: make PYTHON=python3.13 …"; exit 1; }
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV) || { \
		echo "Could not make a virtual environment (on Debian: apt install python3-venv)."; exit 1; }
	@touch $@

# A stamp per lock: a second run installs nothing. The project itself is linked, not copied.
define install
	@echo "Installing from $(LOCK)/$(1).txt …"
	@$(PIP) install --require-hashes -r $(LOCK)/$(1).txt
	@$(PIP) install --no-deps --no-build-isolation -e .
	@touch $@
endef

$(VENV)/.server: $(LOCK)/server.txt pyproject.toml | $(VENV)/.made
	$(call install,server)

# The reference PDQ ships as source: it is tried, and its absence is told by the tests, not hidden here.
$(VENV)/.test: $(LOCK)/test.txt $(LOCK)/oracles.txt pyproject.toml | $(VENV)/.made
	$(call install,test)
	@$(PIP) install --require-hashes --no-deps -r $(LOCK)/oracles.txt >/dev/null 2>&1 || \
		echo "The reference PDQ implementation was not built here (it needs a C++ compiler)."
	@touch $@ $(VENV)/.server
