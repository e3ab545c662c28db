.DEFAULT_GOAL := help
.PHONY: help run cli test check format soak timing bench scale lock audit sbom clean

PYTHON ?= python3
PORT ?= 8000
ROUNDS ?= 200
JOBS ?= 2
SCALE ?= 1000000
BIN := .venv/bin
READY := .venv/.ready
SIDE_BY_SIDE := -n $(JOBS) --dist loadfile --no-loadscope-reorder
AUDIT := $(BIN)/pip-audit --strict --disable-pip --require-hashes --progress-spinner off -r requirements.txt
PIN := $(BIN)/python -m uv pip compile pyproject.toml --upgrade --universal --python-version 3.11 -q \
    --generate-hashes --no-strip-extras --custom-compile-command "make lock"

help: ## Show this
	@awk -F ':.*## ' '/^[a-z]+:.*## / {printf "  make %-8s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

run: $(READY) ## Serve on the embedded database (PORT=8000; data in instance/)
	@APP_ENV=development PORT=$(PORT) exec $(BIN)/python -m gunicorn

cli: $(READY) ## Run a command beside the service: make cli c="keys list"
	@APP_ENV=development $(BIN)/python -m flask $(c)

test: $(READY) ## Run the tests
	@$(BIN)/python -m pytest $(SIDE_BY_SIDE)

check: $(READY) ## What to run before a commit: format, lint, import contracts, types, tests with coverage
	$(BIN)/ruff format --check
	$(BIN)/ruff check
	$(BIN)/lint-imports
	$(BIN)/mypy
	$(BIN)/python -m pytest $(SIDE_BY_SIDE) --cov --cov-report=term-missing:skip-covered

format: $(READY) ## Format the code, and mend what lint can
	$(BIN)/ruff format
	$(BIN)/ruff check --fix

soak: $(READY) ## Run the races and faults ROUNDS times each (200)
	@ROUNDS=$(ROUNDS) $(BIN)/python -m pytest -m race --timeout=3600

timing: $(READY) ## Compare times that must be equal; needs a quiet machine
	@$(BIN)/python -m pytest -m timing --timeout=1200

bench: $(READY) ## Print speed as ratios: logins to bare bcrypt, GET / to a bare Flask route
	@$(BIN)/python -m bench

scale: $(READY) ## Import a million users (SCALE=1000000), and compare each route by key with a thousand
	@SCALE=$(SCALE) $(BIN)/python -m bench scale

audit: $(READY) ## Look for known vulnerabilities in what requirements.txt pins (R99); fails where nobody can be asked
	$(AUDIT)

sbom: $(READY) ## List what requirements.txt pins, and what is known of it, in sbom.json: CycloneDX (R99)
	$(AUDIT) -f cyclonedx-json -o sbom.json

lock: $(READY) ## Pin the newest versions of everything, with hashes
	$(BIN)/python -m pip install -q uv
	$(PIN) -o requirements.txt
	$(PIN) -o requirements-dev.txt --extra dev -c requirements.txt

clean: ## Remove what was built; instance/ with its accounts stays
	rm -rf .venv .pytest_cache .mypy_cache .ruff_cache .import_linter_cache .hypothesis .coverage*

$(READY): requirements-dev.txt
	@$(PYTHON) -c 'import sys; sys.exit("authsvc needs Python 3.11 to 3.13, this is " + sys.version.split()[0] \
	    if not (3, 11) <= sys.version_info[:2] <= (3, 13) else 0)'
	@$(PYTHON) -m venv --clear .venv || { echo "python3 has no venv: install it (Debian: apt-get install python3-venv)"; exit 1; }
	@echo "Installing into .venv, once ..."
	@$(BIN)/python -m pip install -q --disable-pip-version-check --require-hashes -r requirements-dev.txt
	@touch $@
