.DEFAULT_GOAL := help
# The processes that tests start compile the modules once, not each time.
unexport PYTHONDONTWRITEBYTECODE
.PHONY: help run cli test test-on check scripts durations format soak pictures timing bench scale docs reference messages client lock audit sbom clean

PYTHON ?= python3
PORT ?= 8000
ROUNDS ?= 200
JOBS ?= 3
ON ?= tests/models tests/services tests/api tests/oauth tests/federation tests/cli
SCALE ?= 1000000
GROWN ?= 100000
IN ?= en
CLIENT ?= authsvc/web/static/authsvc.min.js
MINIFY := npm exec --yes -- esbuild@0.28.2 --bundle --minify --format=esm --target=es2022 --log-level=warning \
    "--banner:js=// authsvc's client for browsers, minified; authsvc.d.ts beside it describes it."
BIN := .venv/bin
READY := .venv/.ready
SIDE_BY_SIDE := -n $(JOBS) --dist loadgroup --no-loadscope-reorder
AUDIT := $(BIN)/pip-audit --strict --disable-pip --require-hashes --progress-spinner off -r requirements.txt
PIN := $(BIN)/python -m uv pip compile pyproject.toml --upgrade --universal --python-version 3.11 -q \
    --generate-hashes --no-strip-extras --custom-compile-command "make lock"

help: ## Show this
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  make %-9s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

run: $(READY) ## Serve on the embedded database (PORT=8000; data in instance/)
	@APP_ENV=development PORT=$(PORT) exec $(BIN)/python -m gunicorn

cli: $(READY) ## Run a command beside the service: make cli c="keys list"
	@APP_ENV=development $(BIN)/python -m flask $(c)

test: $(READY) ## Run the tests but the slow ones
	@$(BIN)/python -m pytest $(SIDE_BY_SIDE)

test-on: $(READY) ## Run the tests that a database server matters to on another one: URI=mongodb://host:27017/
	@test -n "$(URI)" || { echo "which server? make test-on URI=mongodb://host:27017/"; exit 1; }
	@TEST_MONGODB_URI="$(URI)" $(BIN)/python -m pytest $(SIDE_BY_SIDE) -m "not timing and not soak and not browser" $(ON)

check: $(READY) ## What to run before a commit: format, lint, import contracts, types, scripts, tests with coverage
	$(BIN)/ruff format --check
	$(BIN)/ruff check
	$(BIN)/lint-imports
	$(BIN)/mypy
	@$(MAKE) -s scripts
	$(BIN)/python -m pytest $(SIDE_BY_SIDE) -m "not timing" --cov --cov-report=term-missing:skip-covered

durations: $(READY) ## Run the tests, and write where their time goes to docs/durations.md
	@$(BIN)/python -m pytest $(SIDE_BY_SIDE) -m "not timing" -p tests.support.durations --durations-report docs/durations.md

scripts: ## Lint the scripts that browsers load, if there is npm
	@if command -v npm >/dev/null; then $(MAKE) -s node_modules/.package-lock.json && node_modules/.bin/eslint authsvc/web/static sdk/js/src examples/spa examples/passkeys; \
	elif [ -n "$$CI" ]; then echo "CI must have npm"; exit 1; \
	else echo "the scripts were not linted: there is no npm"; fi

node_modules/.package-lock.json: package-lock.json
	@npm ci --silent --no-audit --no-fund && touch $@

format: $(READY) ## Format the code, and mend what lint can
	$(BIN)/ruff format
	$(BIN)/ruff check --fix

soak: $(READY) ## Run the races and faults ROUNDS times each (200), and the slow rounds that `test` leaves out
	@ROUNDS=$(ROUNDS) $(BIN)/python -m pytest -m "race or soak" --timeout=3600

pictures: $(READY) ## Keep a picture of every page and letter in pictures/, in the languages IN ("en"): phone, desk, light, dark
	@PICTURES=$(CURDIR)/pictures PICTURES_IN="$(IN)" $(BIN)/python -m pytest -m "" --timeout=900 tests/browser/test_every_page.py

timing: $(READY) ## Compare times that must be equal; needs a quiet machine
	@$(BIN)/python -m pytest -m timing --timeout=1200

bench: $(READY) ## Print speed as ratios: to bare bcrypt, a bare Flask route, Express, an earlier commit (BEFORE=7e4eaa3)
	@BEFORE=$(BEFORE) $(BIN)/python -m bench

scale: $(READY) ## Import a million users (SCALE=1000000), fill all else (GROWN=100000); compare every route by key with a thousand
	@SCALE=$(SCALE) GROWN=$(GROWN) $(BIN)/python -m bench scale grown

docs: $(READY) ## Build the documentation in docs/_build/html; a warning is an error
	@$(BIN)/python -m sphinx --fail-on-warning --keep-going -q -b html docs docs/_build/html

reference: $(READY) ## Write the pages of docs/reference/ that come from the code
	@$(BIN)/python -m docs.generate

messages: $(READY) ## Take the texts of letters into the catalogues; fails if one is not translated in a language
	@$(BIN)/python -m catalogues

client: ## Build what is served as /authsvc.js from sdk/js; needs npm
	@$(MINIFY) sdk/js/src/hosted.js --outfile=$(CLIENT)

audit: $(READY) ## Look for known vulnerabilities in what requirements.txt pins (R99); fails where nobody can be asked
	$(AUDIT)

sbom: $(READY) ## List what requirements.txt pins, and what is known of it, in sbom.json: CycloneDX (R99)
	$(AUDIT) -f cyclonedx-json -o sbom.json

lock: $(READY) ## Pin the newest versions of everything, with hashes
	$(BIN)/python -m pip install -q uv
	$(PIN) -o requirements.txt
	$(PIN) -o requirements-dev.txt --extra dev -c requirements.txt

clean: ## Remove what was built; instance/ with its accounts stays
	rm -rf .venv node_modules docs/_build .pytest_cache .mypy_cache .ruff_cache .import_linter_cache .hypothesis .coverage*

$(READY): requirements-dev.txt
	@$(PYTHON) -c 'import sys; sys.exit("authsvc needs Python 3.11 to 3.13, this is " + sys.version.split()[0] \
	    if not (3, 11) <= sys.version_info[:2] <= (3, 13) else 0)'
	@$(PYTHON) -m venv --clear .venv || { echo "python3 has no venv: install it (Debian: apt-get install python3-venv)"; exit 1; }
	@echo "Installing into .venv, once ..."
	@$(BIN)/python -m pip install -q --disable-pip-version-check --require-hashes -r requirements-dev.txt
	@touch $@
