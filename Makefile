# Three commands do for a fresh clone: `make serve`, `make test-app` and `make test`.
PYTHON ?= python3
PORT ?= $(or $(THALAMUS_PORT),8000)
ROUNDS ?= 5
LOAD ?= 3
REF ?=
ONLY ?=
DATA ?=
ARGS ?=
MINUTES ?= 10
QUICK ?=
BIN := .venv/bin
PIP := $(BIN)/python -m pip --disable-pip-version-check --quiet
LOCKED := install --require-hashes --no-deps
# uv takes a tenth of pip's time, but knows none of the indexes that pip is configured for.
UV := $(BIN)/python -m uv --quiet pip $(LOCKED) --python $(BIN)/python
install = $(UV) -r $(1) 2>/dev/null || $(PIP) $(LOCKED) -r $(1)
EDITABLE := install --no-deps --no-build-isolation --editable .
PYTEST := $(BIN)/python -m pytest --numprocesses auto --maxprocesses 4 --dist worksteal
# The quick tests publish many bundles, and wait for the disk each time: in memory, if it has 4 GB.
MEMORY := $(shell df -Pk /dev/shm 2>/dev/null | awk 'NR == 2 && $$4 > 4e6 { print "TMPDIR=/dev/shm" }')

.PHONY: serve test test-app test-slow test-training test-ray check docs fix verify bench bench-self bench-quality bench-training bench-memory simulate chaos soak fuzz fleet sbom manifest setup clean

serve: .venv/.serve  ## serve models/ on PORT (8000)
	$(BIN)/thalamus serve --port $(PORT)

test: .venv/.training  ## everything but what takes seconds: three minutes
	$(MEMORY) $(PYTEST) -m "not training and not slow and not ray"

test-app: .venv/.dev  ## of these, the service and the shipped bundles, without torch
	$(MEMORY) $(PYTEST) tests --ignore tests/training --ignore tests/benchmarks -m "not training and not slow and not ray"

test-slow: .venv/.training  ## the others, which start processes or take more than a second
	$(PYTEST) -m "slow and not training and not ray" --durations 15

test-training: .venv/.training  ## train each recipe for a few steps
	$(PYTEST) -m training --durations 15

test-ray: .venv/.ray  ## start Ray clusters on this machine
	$(BIN)/python -m pytest -m ray --durations 15

check: .venv/.training  ## format, lint, types, import contracts, documentation, tests
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(MAKE) docs
	$(MAKE) test
	$(MAKE) test-slow

docs: .venv/.dev  ## build/docs/index.html; a warning is an error
	$(if $(wildcard docs/conf.py),$(BIN)/sphinx-build -W --keep-going -q docs build/docs)

fix: .venv/.training  ## put the code in order
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

verify: .venv/.serve  ## replay every golden case
	$(BIN)/thalamus verify models

bench: .venv/.training  ## all goals and every peer, forty minutes; writes docs/benchmarks.md
	$(BIN)/python -m benchmarks peers --rounds $(ROUNDS) --seconds $(LOAD) $(if $(ONLY),--only $(ONLY))

bench-self: .venv/.training  ## Thalamus against the in-process limit, or against REF=commit: fails if slower
	$(BIN)/python -m benchmarks self $(if $(REF),--ref $(REF)) $(if $(ONLY),--only $(ONLY))

bench-training: .venv/.training  ## the speed of trainings against plain loops of PyTorch and ONNX Runtime
	$(BIN)/python -m benchmarks training --rounds $(ROUNDS) $(if $(ONLY),--only $(ONLY))

bench-memory: .venv/.training  ## peak memory of inspect and train for 10,000 to 1,000,000 samples: hours
	$(BIN)/python -m benchmarks memory $(if $(ONLY),--only $(ONLY))

bench-quality: .venv/.training  ## the default training on 13 public data sets, and peers; hours, resumes; DATA=folder
	$(BIN)/python -m benchmarks quality $(if $(DATA),--data $(DATA)) $(if $(ONLY),--only $(ONLY)) $(ARGS)

simulate: .venv/.training  ## batching policies on paper; writes docs/simulation.md
	$(BIN)/python -m benchmarks simulate

chaos: .venv/.training  ## what holds when things go wrong, twelve minutes; QUICK=1: three
	$(BIN)/python -m benchmarks chaos $(if $(QUICK),--quick) $(if $(ONLY),--only $(ONLY))

soak: .venv/.training  ## a mixture of requests for MINUTES (10), with models that come and go
	$(BIN)/python -m benchmarks soak --minutes $(MINUTES)

fuzz: .venv/.training  ## mutated files of every kind for MINUTES (10): each is read or refused
	$(BIN)/python -m benchmarks fuzz --minutes $(MINUTES)

fleet: .venv/.ray  ## train, score and serve on a Ray cluster of two nodes, and kill parts of it; QUICK=1: five minutes
	$(BIN)/python -m benchmarks fleet $(if $(QUICK),--quick) $(if $(ONLY),--only $(ONLY))

sbom: .venv/.dev  ## bills of materials of what the locks install; writes build/sbom
	$(BIN)/python deploy/sbom.py build/sbom

manifest: .venv/.dev  ## deploy/kubernetes.yaml from the chart in deploy/helm
	$(BIN)/python -m deploy.render

setup: .venv/.training  ## the development environment

.venv/bin/python:
	$(PYTHON) -c 'import sys; sys.exit("Python 3.11 or newer is needed" if sys.version_info < (3, 11) else 0)'
	$(PYTHON) -m venv .venv
	awk '/^[a-z]/ { uv = /^uv==/ } uv' requirements/dev.txt > .venv/uv.txt
	$(PIP) $(LOCKED) -r .venv/uv.txt

.venv/.serve: requirements/serve.txt pyproject.toml | .venv/bin/python
	$(call install,requirements/serve.txt)
	$(PIP) $(EDITABLE)
	@touch $@

.venv/.dev: requirements/dev.txt .venv/.serve
	$(call install,requirements/dev.txt)
	@touch $@

# The CPU build of torch where it is at hand; else PyPI's, which needs NVIDIA's libraries on Linux.
.venv/.training: requirements/training.txt .venv/.dev
	$(PIP) $(LOCKED) --no-index -r requirements/torch-cpu.txt 2>/dev/null || true
	$(call install,requirements/training.txt)
	$(BIN)/python -c 'import torch' 2>/dev/null || $(PIP) $(LOCKED) -r requirements/torch-cuda.txt
	@touch $@

.venv/.ray: requirements/ray.txt .venv/.training
	$(call install,requirements/ray.txt)
	@touch $@

clean:  ## remove the environment and what tools left
	rm -rf .venv deploy/.environments benchmarks/.peers benchmarks/.cache build *.egg-info .pytest_cache .mypy_cache .ruff_cache
