# One command per wish. Everything is set up in .venv; nothing else on the machine is touched.
SHELL := /bin/bash
PYTHON ?= python3
MODEL ?= runs/demo/model.onnx
IMAGE ?= cadenza:latest
VENV := .venv
INSTALLED := $(VENV)/.installed
BIN := $(VENV)/bin

.DEFAULT_GOAL := help
.PHONY: help demo test lint bench bento image constraints clean

help: ## list the targets
	@grep -hE '^[a-z]+:.*##' $(MAKEFILE_LIST) | awk -F ':.*## ' '{printf "  make %-12s %s\n", $$1, $$2}'

$(INSTALLED): pyproject.toml constraints.txt
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' \
		|| { echo "Python 3.11 or newer is wanted: make PYTHON=python3.11 …"; exit 1; }
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt -e '.[dev]'
	@touch $@

demo: $(INSTALLED) ## train on real prices, export, check, serve, ask, draw: runs/demo
	$(BIN)/cadenza demo -o runs/demo

test: $(INSTALLED) ## run the tests
	$(BIN)/pytest

lint: $(INSTALLED) ## ruff and mypy, both strict
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

bench: $(INSTALLED) ## run the benchmarks and keep their results in benchmarks/results
	@for bench in benchmarks/*.py; do echo "── $$bench"; $(BIN)/python $$bench || exit 1; done

bento: $(INSTALLED) ## pack MODEL (default: the demo's) and the server into a bento: build/bentoml
	MODEL=$(MODEL) PATH="$(CURDIR)/$(BIN):$$PATH" ./examples/bento.sh

image: bento ## build the bento's container image IMAGE with Docker, else with buildah
	IMAGE=$(IMAGE) PATH="$(CURDIR)/$(BIN):$$PATH" ./examples/image.sh

constraints: ## write the tested set of versions anew, from a fresh environment
	rm -rf build/constraints && $(PYTHON) -m venv build/constraints
	build/constraints/bin/python -m pip install --quiet --disable-pip-version-check -e '.[dev]'
	{ echo "# The whole tested set; written by make constraints."; \
	  build/constraints/bin/python -m pip freeze --exclude-editable | sed 's/+cpu$$//'; } > constraints.txt

clean: ## remove what was built here, but not the runs
	rm -rf $(VENV) build *.egg-info .mypy_cache .ruff_cache .pytest_cache
