VENV := .venv
BIN := $(VENV)/bin
PYTHON ?= python3
ROUNDS ?= 20

.DEFAULT_GOAL := help
.PHONY: help demo demo-keep test faults lint types arch format clean lock

help: ## This list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  make %-9s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

# The stamp is last, so an interrupted installation is taken up again.
$(VENV)/.installed: requirements.lock pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit("ChatIA Flow needs Python 3.11 or newer; set PYTHON=python3.11" if sys.version_info < (3, 11) else 0)'
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python shared/dev/install.py requirements.lock
	$(BIN)/pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation -e .
	@touch $@

demo: $(VENV)/.installed ## Real Kafka, real Postgres, four workers, sample traffic, a self-check
	$(BIN)/chatia demo

demo-keep: $(VENV)/.installed ## The demo, and leave it running to look around; Ctrl-C ends it
	$(BIN)/chatia demo --keep

test: $(VENV)/.installed ## Every test, three at a time, against a real Kafka and a real Postgres
	$(BIN)/pytest --numprocesses=3 --dist=loadfile --no-loadscope-reorder

faults: $(VENV)/.installed ## Break everything on purpose, ROUNDS=20 times, and audit what is left
	$(BIN)/python -m tests.faults --rounds $(ROUNDS) $(if $(SEED),--seed $(SEED))

lint: $(VENV)/.installed ## ruff: rules and format
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

types: $(VENV)/.installed ## mypy --strict
	$(BIN)/mypy

arch: $(VENV)/.installed ## The direction of imports
	$(BIN)/lint-imports

format: $(VENV)/.installed ## Format and mend what ruff can
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

lock: $(VENV)/.installed ## Resolve the dependencies anew into requirements.lock
	$(BIN)/pip install --quiet uv
	$(BIN)/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-emit-index-url --no-annotate --custom-compile-command "make lock" --all-extras -o requirements.lock pyproject.toml
	$(BIN)/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-emit-index-url --no-annotate --custom-compile-command "make lock" --extra backup -o deploy/requirements.lock pyproject.toml

clean: ## Remove the virtual environment, the embedded state and the caches
	rm -rf $(VENV) .chatia build dist *.egg-info .pytest_cache .mypy_cache .ruff_cache .import_linter_cache .hypothesis
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
