# The workshop: everything that a person or CI runs. The environment is .venv, made once and
# brought up to date when a lock file or pyproject.toml changes.

PYTHON ?= python3
VENV := .venv
PY := $(VENV)/bin/python
PIP := $(PY) -m pip --disable-pip-version-check --no-input -qq

.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
.PHONY: help setup demo demo-check test chaos chaos-points chaos-tasks properties bench lint format lock clean

help:
	@echo 'make demo                 the local workspace, shop and ad platform with the bot, in your browser'
	@echo 'make demo-check [SEED=n]  the same demo, driven and checked from end to end'
	@echo 'make test [ARGS=...]      the tests'
	@echo 'make chaos [ARGS=...]     kill -9 at every point of the story, 20 seeds each, and at random under 300 tasks'
	@echo 'make properties           what holds for every rule set, in 3 000 drawn cases each'
	@echo 'make bench [ARGS=...]     the benchmarks: rates beside a reference of the same run, and what waiting costs'
	@echo 'make lint                 ruff and mypy'
	@echo 'make format               let ruff rewrite what it can'
	@echo 'make lock                 compile the lock files again'
	@echo 'make clean                remove everything that was made'

demo: $(VENV)/.runtime
	@$(PY) -m playground $(ARGS)

demo-check: $(VENV)/.runtime
	@seed='$(SEED)'; \
	[ -n "$$seed" ] || seed=$$(od -An -N2 -tu2 /dev/urandom | tr -d ' '); \
	echo "demo-check: SEED=$$seed"; \
	$(PY) -m playground check --seed "$$seed" $(ARGS)

setup: $(VENV)/.dev

# One more than there are cores: many tests wait for programs of their own.
WORKERS ?= $(shell echo $$(($$(getconf _NPROCESSORS_ONLN) + 1)))

test: $(VENV)/.dev
	@$(PY) -m pytest --numprocesses $(WORKERS) --maxprocesses 8 --dist worksteal $(ARGS)

# About an hour on two cores. Both parts are run, whatever becomes of the first; each can be run
# alone, and ARGS='--killing-seed 42' plays either again as it was.
KILLING_ROUNDS ?= 20

chaos:
	@$(MAKE) --no-print-directory --keep-going chaos-points chaos-tasks

chaos-points: $(VENV)/.dev
	@$(PY) -m pytest --numprocesses auto --maxprocesses 8 --dist worksteal \
	  --override-ini=tmp_path_retention_policy=failed \
	  --killing-rounds $(KILLING_ROUNDS) tests/scenarios/test_kill_points.py $(ARGS)

# A story of minutes: no dump of the stacks while it runs.
chaos-tasks: $(VENV)/.dev
	@$(PY) -m pytest --override-ini='python_files=chaos_*.py' --override-ini=faulthandler_timeout=0 \
	  tests/chaos $(ARGS)

# What holds for every rule set, in many more cases than the tests draw; about ten minutes.
properties: $(VENV)/.dev
	@$(PY) -m pytest --numprocesses auto --maxprocesses 8 --hypothesis-profile=thorough \
	  tests/policies/test_engine_properties.py $(ARGS)

# Named so that `make test` does not find them: what they print depends on the machine.
bench: $(VENV)/.dev
	@$(PY) -m pytest -q --override-ini='python_files=bench_*.py' tests/benchmarks $(ARGS)

lint: $(VENV)/.dev
	@echo 'lint: ruff check'
	@$(PY) -m ruff check .
	@echo 'lint: ruff format'
	@$(PY) -m ruff format --check .
	@echo 'lint: mypy'
	@$(PY) -m mypy

format: $(VENV)/.dev
	@$(PY) -m ruff check --fix-only --quiet .
	@$(PY) -m ruff format .

# What the project needs to run. Depends on a file with the environment's own age, so that an
# environment made again is also filled again.
$(VENV)/.runtime: requirements.lock pyproject.toml $(VENV)/pyvenv.cfg
	@echo 'setup: installing what requirements.lock pins'
	@$(PIP) install --require-hashes --requirement requirements.lock
	@$(PIP) install --no-deps --no-build-isolation --editable .
	@touch $@

# What its developers need on top. After .runtime, never beside it: two pips in one environment
# would disturb each other under `make -j`.
$(VENV)/.dev: requirements-dev.lock $(VENV)/.runtime
	@echo 'setup: installing what requirements-dev.lock pins'
	@$(PIP) install --require-hashes --requirement requirements-dev.lock
	@touch $@

$(VENV)/pyvenv.cfg:
	@command -v $(PYTHON) >/dev/null || { \
	  echo 'setup: there is no `$(PYTHON)`. Install Python 3.11 or later, or say which: make PYTHON=/path/to/python3'; exit 1; }
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { \
	  echo "setup: Signoff needs Python 3.11 or later, and \`$(PYTHON)\` is $$($(PYTHON) -V 2>&1). Say which to use: make PYTHON=/path/to/python3"; exit 1; }
	@$(PYTHON) -c 'import ensurepip, venv' 2>/dev/null || { \
	  echo 'setup: `$(PYTHON)` cannot make an environment. On Debian or Ubuntu: apt install python3-venv'; exit 1; }
	@echo "setup: making $(VENV) with $$($(PYTHON) -V)"
	@$(PYTHON) -m venv $(VENV) || { rm -rf $(VENV); exit 1; }

# The lock files hold versions and hashes and no address: where packages come from is the
# reader's own setting. The build tool is pinned too, because the project is installed without
# build isolation.
COMPILE := $(PY) -m uv pip compile --universal --python-version 3.11 --generate-hashes \
  --no-emit-index-url --no-header --annotation-style line --quiet

lock: $(VENV)/.dev
	@$(PIP) install uv
	@echo 'setuptools>=80' | $(COMPILE) $(ARGS) --output-file requirements.lock pyproject.toml -
	@$(COMPILE) $(ARGS) --extra dev --constraints requirements.lock --output-file requirements-dev.lock pyproject.toml

clean:
	@rm -rf $(VENV) build dist *.egg-info .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache
	@find . -type d -name __pycache__ -prune -exec rm -rf {} +
