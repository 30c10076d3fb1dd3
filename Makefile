# Everything from a fresh clone with Python 3.11+ and make. `make` alone lists the targets.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
INSTALLED := $(VENV)/.installed

.DEFAULT_GOAL := help
.PHONY: help run test test-browser check bench bench-upload bench-browser openapi requirements clean

help: ## Show this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  make %-13s %s\n", $$1, $$2}' Makefile

# `exec`, here and below: Ctrl-C and SIGTERM reach the program itself, not a shell before it.
run: $(INSTALLED) ## Start everything (settings as usual: PORT=9000 make run)
	@exec $(BIN)/python -m app serve --end-with-parent

# Half of a test is waiting; each process has engines of its own, so more of them need memory.
# In the order of their names the longest files come early, and no process waits for another.
TWO_AT_ONCE := --numprocesses=2 --dist=loadfile --no-loadscope-reorder

# Every process that a test starts would compile the app again.
unexport PYTHONDONTWRITEBYTECODE

test: $(INSTALLED) ## Run all tests with branch coverage
	@exec $(BIN)/python -m pytest $(TWO_AT_ONCE) --ignore=tests/browser \
	  --cov --cov-report=term --cov-fail-under=95

test-browser: $(INSTALLED) ## Run the tests in Chromium; needs chromium and npm
	@exec $(BIN)/python -m pytest $(TWO_AT_ONCE) tests/browser

check: $(INSTALLED) ## Format, lint, types, layers, OpenAPI snapshot, requirements
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/python -m app openapi | diff -u docs/openapi.json -
	$(BIN)/python -m pytest tests/architecture/test_requirements.py
	$(BIN)/hadolint Dockerfile

bench: $(INSTALLED) ## Measure; prints ratios of one run
	@exec $(BIN)/python -m benchmarks

bench-upload: $(INSTALLED) ## Move 2 GiB up and down, beside aws-cli
	@exec $(BIN)/python -m benchmarks upload

bench-browser: $(INSTALLED) ## Move 1 GiB from Chromium, beside Uppy
	@exec $(BIN)/python -m benchmarks browser

openapi: $(INSTALLED) ## Accept the present OpenAPI document as the snapshot
	$(BIN)/python -m app openapi > docs/openapi.json.new
	mv docs/openapi.json.new docs/openapi.json

COMPILE = $(BIN)/uv pip compile --quiet --upgrade --universal --python-version 3.11 \
	--generate-hashes --custom-compile-command "make requirements"

requirements: $(INSTALLED) ## Pin the newest versions that requirements*.in allow
	$(COMPILE) requirements.in --output-file requirements.txt
	$(COMPILE) requirements-aws.in --output-file requirements-aws.txt
	$(COMPILE) requirements-dev.in --constraint requirements.txt --output-file requirements-dev.txt

clean: ## Remove the virtual environment and caches (not your data)
	rm -rf $(VENV) .mypy_cache .ruff_cache .pytest_cache .hypothesis .coverage .coverage.*
	rm -rf tests/browser/node_modules tests/browser/uppy?/node_modules

$(INSTALLED): requirements-dev.txt requirements-aws.txt
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and \
	  "Slipway needs Python 3.11 or newer, this is " + sys.version.split()[0] + \
	  ": make PYTHON=python3.12")'
	@$(PYTHON) -c 'import ensurepip, venv' 2>/dev/null || { \
	  echo "$(PYTHON) lacks the venv module: apt-get install python3-venv" >&2; exit 1; }
	@echo "Installing into $(VENV), once; this takes a minute."
	@$(PYTHON) -m venv $(VENV)
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes \
	  --requirement requirements-dev.txt
	@$(PYTHON) -m venv $(VENV)/aws
	@$(VENV)/aws/bin/python -m pip install --quiet --disable-pip-version-check --require-hashes \
	  --requirement requirements-aws.txt
	@touch $@
