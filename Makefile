# One command per wish. Everything is set up in .venv; nothing else on the machine is touched.
SHELL := /bin/bash
PYTHON ?= python3
MODEL ?= runs/demo/model.onnx
IMAGE ?= cadenza:latest
SPEECH := asterisk-core-sounds-en-wav
PROVIDER ?= cpu
BENTOFILE := $(if $(filter cuda,$(PROVIDER)),bentofile.cuda.yaml,bentofile.yaml)
VENV := .venv
INSTALLED := $(VENV)/.installed
BIN := $(VENV)/bin
BENTO_ENV = PATH="$(CURDIR)/$(BIN):$$PATH" BENTOML_HOME="$(CURDIR)/build/bentoml" BENTOML_DO_NOT_TRACK=True

.DEFAULT_GOAL := help
.PHONY: help demo test lint bench speech quality ablation kinds bento image constraints clean

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
	$(BIN)/pytest -n 2 --dist loadfile

lint: $(INSTALLED) ## ruff and mypy, both strict
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

bench: $(INSTALLED) ## run the benchmarks and keep their results in benchmarks/results
	@for bench in benchmarks/*.py; do echo "── $$bench"; $(BIN)/python $$bench || exit 1; done

speech: build/speech ## fetch spoken digits and letters, a Debian package (CC-BY-SA-3.0): build/speech

build/speech:
	@command -v apt-get dpkg-deb >/dev/null || { echo "make $@ needs apt-get and dpkg-deb, of Debian or Ubuntu"; exit 1; }
	rm -rf $@.partial $@.package && mkdir -p $@.partial $@.package
	cd $@.package && apt-get download $(SPEECH) && dpkg-deb -x $(SPEECH)_*.deb .
	@for file in digits/{0..9} letters/{a..z}; do mkdir $@.partial/$${file#*/} && \
		cp $@.package/usr/share/asterisk/sounds/*/$$file.wav $@.partial/$${file#*/}/ || exit 1; done
	rm -rf $@.package && mv $@.partial $@

quality: $(INSTALLED) ## the whole table of sample quality, peers beside: hours, and it resumes (QUALITY="--jobs 2")
	$(BIN)/python -m benchmarks.quality $(QUALITY)

ablation: $(INSTALLED) ## what each part of the default recipe brings: hours, and it resumes (QUALITY="--jobs 2")
	$(BIN)/python -m benchmarks.quality.ablation $(QUALITY)

kinds: $(INSTALLED) ## samples of every kind by figures of their own: hours, and it resumes (KINDS="--seeds 1")
	$(BIN)/python -m benchmarks.kinds $(KINDS)

bento: $(INSTALLED) ## pack MODEL (default: the demo's) and the server into a bento: build/bentoml (PROVIDER=cuda)
	@test -f "$(MODEL)" || { echo "there is no $(MODEL): make demo first, or make $@ MODEL=your.onnx"; exit 1; }
	$(BIN)/cadenza check "$(MODEL)"
	@test "$(MODEL)" -ef model.onnx || cp "$(MODEL)" model.onnx
	$(BENTO_ENV) bentoml build -f $(BENTOFILE)
	@path="$$($(BENTO_ENV) bentoml get cadenza:latest -o path)"; \
	echo "cadenza:$${path##*/}, $$(du -sh "$$path" | cut -f1), in $$path"

image: bento ## build the bento's container image IMAGE with Docker, else with buildah
	@bento="$$($(BENTO_ENV) bentoml get cadenza:latest -o path)"; \
	if docker info >/dev/null 2>&1; then build="docker build"; \
	elif command -v buildah >/dev/null; then build="buildah bud --format docker"; \
	else echo "make image needs a running Docker engine, or buildah"; exit 1; fi; \
	set -x; $$build $(BUILD_ARGS) -t $(IMAGE) -f "$$bento/env/docker/Dockerfile" "$$bento"

define pinned
{ echo "# $(1), from the tested set; written by make constraints."; \
	  build/constraints/bin/uv pip compile --quiet --no-header --no-annotate --no-emit-index-url \
	    --python-version 3.11 --python-platform linux --extra $(2) -c constraints.txt pyproject.toml; }
endef

constraints: ## write the tested set of versions anew, from a fresh environment
	rm -rf build/constraints && $(PYTHON) -m venv build/constraints
	build/constraints/bin/python -m pip install --quiet --disable-pip-version-check -e '.[dev]'
	{ echo "# The whole tested set; written by make constraints."; \
	  build/constraints/bin/python -m pip freeze --exclude-editable | sed 's/+cpu$$//'; } > constraints.txt
	$(call pinned,What the image installs,serve) > serving/requirements.txt
	$(call pinned,What the CUDA image installs,serve-gpu) > serving/requirements-cuda.txt

clean: ## remove what was built here, but not the runs
	rm -rf $(VENV) build *.egg-info .mypy_cache .ruff_cache .pytest_cache .hypothesis
