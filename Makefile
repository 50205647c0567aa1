# Each goal makes its own virtual environment when it is missing; `make help` lists the goals.
PYTHON ?= $(shell command -v python3.11 || command -v python3)
VENV := .venv
BIN := $(VENV)/bin
RUN_DIR ?= run
SITE ?= policies/uc001
HOUSE ?= $(notdir $(SITE))
LISTEN ?= 127.0.0.1:8080
PIP := $(BIN)/python -m pip install --quiet --disable-pip-version-check

.DEFAULT_GOAL := help
.PHONY: help run observe test check prove bench fuzz day lock clean peers rig hil planted soak mutate

help: ## this list
	@grep -hE '^[a-z]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/:[^#]*## /\t/' | expand -t 12

run: $(VENV)/runtime ## supervise the example house on simulated devices; Ctrl-C stops
	$(BIN)/powerwarden-rig house $(HOUSE) --dir $(RUN_DIR) -- \
	  $(BIN)/powerwarden run $(SITE) --run-dir $(RUN_DIR) --listen $(LISTEN)

observe: $(VENV)/runtime ## the same without any write path: it journals what it would have done
	$(BIN)/powerwarden-rig house $(HOUSE) --dir $(RUN_DIR) -- \
	  $(BIN)/powerwarden run --observe $(SITE) --run-dir $(RUN_DIR) --listen $(LISTEN)

test: $(VENV)/dev ## all suites, in three runs side by side
	$(BIN)/python -m tests

check: $(VENV)/dev ## ruff, mypy --strict, the walls, the house lint
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/python tests/walls/house_lint.py

prove: $(VENV)/dev ## machines and changeovers explored to closure; their pages in docs/machines must not differ
	$(BIN)/python -m tests.prove $(WRITE)

bench: $(VENV)/dev ## P1 to P8, each beside a floor of the same run
	$(BIN)/python -m tests.bench

rig: $(VENV)/runtime ## all scenarios on the virtual bench, with pages: build/rig/index.html
	$(BIN)/powerwarden-rig run --jobs 2 --out build/rig

hil: $(VENV)/runtime ## all scenarios on the loopback bench: real processes, real time (about a minute each)
	$(BIN)/powerwarden-rig run --bench loopback --out build/rig

planted: $(VENV)/dev ## more than forty faults planted in the product, each of which one scenario has to notice
	POWERWARDEN_ALL_PLANTED=1 $(BIN)/python -m pytest tests/rig/test_planted_product.py

mutate: $(VENV)/dev ## small mistakes planted in the kernel, a process each; MUTATE="--sample 100" for some, MUTATE=--help
	$(BIN)/python -m tests.mutate $(MUTATE)

peers: $(VENV)/dev ## real Home Assistants and a real Node-RED as clients; the first time installs them (some 2 GB below build/peers)
	$(BIN)/python tests/peers/homeassistant_install.py
	-$(BIN)/python tests/nodered/nodered_install.py
	POWERWARDEN_PEERS=1 $(BIN)/python -m pytest tests/peers tests/nodered -rs

soak: $(VENV)/dev ## whole houses with random faults from seeds, and the matrix fault x state; SEED=17 repeats one, SEEDS=24 is a short one
	$(BIN)/python -m tests.soak $(if $(SEED),--seed $(SEED)) $(if $(SEEDS),--seeds $(SEEDS)) $(SOAK)

fuzz: $(VENV)/dev ## nonsense over HTTP, MQTT and the guardian's socket for FUZZ_MINUTES=15; FUZZ_SEED=N repeats a run
	$(BIN)/python -m tests.fuzz

day: $(VENV)/dev ## a day of the example house, replayed by another Python: OTHER=python3.13
	rm -rf build/day && mkdir -p build/day
	$(BIN)/python tests/replay/replay_day.py record build/day/journal
	$(or $(OTHER),$(PYTHON)) -m venv build/day/venv
	build/day/venv/bin/python -m pip install --quiet --disable-pip-version-check --require-hashes -r deploy/requirements.lock
	PYTHONHASHSEED=1 build/day/venv/bin/python tests/replay/replay_day.py replay build/day/journal

lock: $(VENV)/dev ## resolve the dependencies anew
	$(PIP) uv
	$(BIN)/uv pip compile -q --universal --python-version 3.11 --generate-hashes --no-header --upgrade \
	  pyproject.toml -o deploy/requirements.lock
	$(BIN)/uv pip compile -q --universal --python-version 3.11 --generate-hashes --no-header --extra dev \
	  pyproject.toml -c deploy/requirements.lock -o deploy/requirements-dev.lock

clean: ## remove the environment and what runs left behind
	rm -rf $(VENV) $(RUN_DIR) build *.egg-info

$(VENV)/python:
	$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "Python 3.11 or newer is needed: make PYTHON=...")'
	$(PYTHON) -m venv $(VENV)
	touch $@

$(VENV)/runtime: $(VENV)/python deploy/requirements.lock pyproject.toml
	$(PIP) --require-hashes -r deploy/requirements.lock
	$(PIP) --no-deps --no-build-isolation -e .
	touch $@

$(VENV)/dev: $(VENV)/runtime deploy/requirements-dev.lock
	$(PIP) --require-hashes -r deploy/requirements-dev.lock
	touch $@
