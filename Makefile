# `make` lists what there is. Every target does its own set-up.
SHELL := bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help
MAKEFLAGS += --no-builtin-rules

VENV := .venv
BIN := $(VENV)/bin
READY := $(VENV)/.ready
ARGS ?=
ifdef PYTHON
export PYTHON
endif

.PHONY: help
help: ## list the targets
	@grep -hE '^[a-z]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | sort | while IFS=$$'\t' read -r name what; do \
		printf '  make %-8s %s\n' "$$name" "$$what"; done

$(READY): requirements/dev.txt pyproject.toml scripts/set-up.sh scripts/only.sh
	@scripts/set-up.sh $(VENV)
	@touch $@

.PHONY: venv
venv: $(READY) ## make the development environment, .venv

.PHONY: demo
demo: $(READY) ## build a small repository with a pull request, and judge it
	@rm -rf demo demo-dvc-remote
	@$(BIN)/ml-ci demo $(ARGS)

.PHONY: test
test: $(READY) ## run every test, those in containers too (ARGS="-k gate" for some)
	@tests/run.sh $(ARGS)

.PHONY: lint
lint: $(READY) ## check format, types, workflows, action, Dockerfile and scripts
	@scripts/lint.sh

.PHONY: format
format: $(READY) ## put the code into its format
	@$(BIN)/ruff check --fix --quiet . || true
	@$(BIN)/ruff format .

.PHONY: bench
bench: $(READY) ## measure speed and size, and print a table
	@$(BIN)/python -m bench.bench $(ARGS)

LOCK := $(BIN)/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes \
	--no-emit-index-url --no-emit-find-links --no-header --extra remotes

.PHONY: lock
lock: $(READY) ## write the locks again (ARGS=--upgrade for newer versions)
	$(LOCK) $(ARGS) --output-file requirements/run.txt pyproject.toml
	$(LOCK) $(ARGS) --group dev --constraint requirements/run.txt --output-file requirements/dev.txt pyproject.toml

.PHONY: faults
faults: $(READY) ## let every outside call of a job fail, and kill the job at it, in turn
	@$(BIN)/python -m tests.faults $(ARGS)

.PHONY: fuzz
fuzz: $(READY) ## try made-up inputs on all that reads foreign files (ARGS="--inputs 1000000")
	@$(BIN)/python -m tests.fuzz $(ARGS)

.PHONY: image
image: ## build the container image, and print its size by layer
	@scripts/image.sh

.PHONY: clean
clean: ## remove what the other targets made
	rm -rf $(VENV) build dist demo demo-dvc-remote .ml-ci .mypy_cache .ruff_cache .pytest_cache
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
