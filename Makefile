# The whole project by name: `make help`. Needs Python 3.11, 3.12 or 3.13, git and make; everything else it installs into .venv.

SHELL := /bin/sh
.DEFAULT_GOAL := help
.SUFFIXES:
MAKEFLAGS += --no-print-directory

VENV := .venv
BIN := $(VENV)/bin
# A stamp carries the checksum of the lock it stands for: what is installed already is not looked at again.
checksum = $(shell cat requirements/$(1).txt pyproject.toml | cksum | cut -d' ' -f1)
RUN_STAMP := $(VENV)/.run-$(call checksum,run)
TEST_STAMP := $(VENV)/.test-$(call checksum,test)
TRAIN_STAMP := $(VENV)/.train-$(call checksum,train)
# Torch is for training alone, in a folder of its own: what runs every night must not find it. It is in no lock, since
# which of its files is the right one depends on the machine. `make test TRAINING=no` does without.
TORCH := $(VENV)/torch
TORCH_VERSION := 2.13.0
TORCH_STAMP := $(VENV)/.torch-$(TORCH_VERSION)
TRAINING ?= yes
TRAINING_TESTS := tests/train/encoder tests/train/test_sentences.py tests/test_cli_models.py
export PIP_DISABLE_PIP_VERSION_CHECK := 1
export PYTHONDONTWRITEBYTECODE :=

# A Python that will do: PYTHON=... wins, else the first of these that is new enough and not too new.
IS_SUITABLE := import sys; sys.exit(not (3, 11) <= sys.version_info[:2] <= (3, 13))
PYTHON ?= $(shell for each in python3.11 python3.12 python3.13 python3 python; do \
	command -v $$each >/dev/null 2>&1 && $$each -c '$(IS_SUITABLE)' 2>/dev/null && { echo $$each; break; }; done)

.PHONY: help env run test up lint bench clean lock test-env system-parts training training-tests

help: ## Say what there is
	@sed -n 's/^\([a-z-]*\):.*## /\1\t/p' Makefile | while IFS="$$(printf '\t')" read -r name text; do printf '  make %-8s %s\n' "$$name" "$$text"; done

env: $(RUN_STAMP) ## Build the environment only (.venv, locked run-time set)
	@echo "The environment is ready: $(BIN)/barometer --help"

run: $(RUN_STAMP) ## Run the sample city's nights in a real Airflow, to an approved release
	@$(BIN)/python -m barometer.ops run

up: $(RUN_STAMP) ## Airflow's interface and the release site on this machine, until Ctrl-C
	@$(BIN)/python -m barometer.ops up

test: test-env system-parts $(if $(TESTS),,training-tests) ## Install the test tools and run the whole suite
	@$(BIN)/python -m pytest -n 3 --dist loadscope $(TESTS)

training: $(TORCH_STAMP) ## What training needs beside the rest: torch, in .venv/torch (PYTHONPATH=.venv/torch)

# Tests of training, by themselves: the rest of the suite is to run without torch, as the nights do.
training-tests: test-env
	@if test "$(TRAINING)" != yes; then echo "Not tested: training (TRAINING=$(TRAINING))."; \
	elif $(MAKE) training; then $(with-torch) -m pytest -q -W ignore $(TRAINING_TESTS); \
	else echo "What training needs cannot be installed here (above): its tests are skipped."; fi

lint: test-env ## Style, types and formatting
	@$(BIN)/ruff check . && $(BIN)/ruff format --check . && $(BIN)/mypy

bench: test-env ## Measure (prints ratios, asserts nothing)
	@for each in benchmarks/*.py; do $(BIN)/python "$$each" || exit 1; done

clean: ## Delete the environment, caches, and everything a run wrote below var/
	@rm -rf $(VENV) var .pytest_cache .mypy_cache .ruff_cache .hypothesis build *.egg-info
	@find . -name __pycache__ -type d -prune -exec rm -rf {} +

lock: $(RUN_STAMP) ## Compile requirements/*.txt anew from pyproject.toml, for every Python that will do
	@$(BIN)/python -m pip install --quiet uv
	@for each in run test train cluster; do \
		extras="--extra run"; test "$$each" = run || extras="$$extras --extra $$each"; \
		case "$$each" in test|train) extras="--extra run --extra test --extra cluster --extra privacy";; esac; \
		test "$$each" != train || { extras="$$extras --extra train"; cp requirements/test.txt requirements/train.txt; }; \
		$(BIN)/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-header --no-annotate \
			--no-emit-index-url --no-emit-find-links $$extras --output-file requirements/$$each.txt pyproject.toml \
			>/dev/null || exit 1; done

test-env: $(TEST_STAMP)

$(BIN)/python: | suitable-python
	@$(PYTHON) -m venv $(VENV)

$(RUN_STAMP): | $(BIN)/python
	@$(call install,run)
	@$(BIN)/python -m pip install --quiet --no-deps --no-index --no-build-isolation --editable .
	@rm -f $(VENV)/.run-* && touch $@

$(TEST_STAMP): | $(RUN_STAMP)
	@$(call install,test)
	@rm -f $(VENV)/.test-* && touch $@

$(TRAIN_STAMP): | $(TEST_STAMP)
	@$(call install,train)
	@rm -f $(VENV)/.train-* && touch $@

# Torch alone where that will do; with the libraries it needs where it does not.
$(TORCH_STAMP): | $(TRAIN_STAMP)
	@echo "Installing torch $(TORCH_VERSION) into $(TORCH) ..." && rm -rf $(TORCH) && $(call torch,--no-deps)
	@$(with-torch) -c 'import torch' 2>/dev/null || $(call torch,--upgrade)
	@$(with-torch) -c 'import torch' && rm -f $(VENV)/.torch-* && touch $@

with-torch = PYTHONPATH=$(TORCH) $(BIN)/python
torch = $(BIN)/python -m pip install --quiet $(1) --target $(TORCH) "torch==$(TORCH_VERSION)"

install = echo "Installing the locked set requirements/$(1).txt into $(VENV) ..." && \
	$(BIN)/python -m pip install --quiet --no-deps --require-hashes --requirement requirements/$(1).txt

.PHONY: suitable-python
suitable-python:
	@test -n "$(PYTHON)" || { echo "Python 3.11, 3.12 or 3.13 is needed and was not found: install python3.11 (Debian: apt install python3.11-venv), or name one with make PYTHON=/path/to/python"; exit 1; }
	@$(PYTHON) -c '$(IS_SUITABLE)' || { echo "$(PYTHON) is not Python 3.11, 3.12 or 3.13: install python3.11, or name one with make PYTHON=/path/to/python"; exit 1; }
	@$(PYTHON) -c 'import venv, ensurepip' 2>/dev/null || { echo "$(PYTHON) cannot make virtual environments: install its venv module (Debian, Ubuntu: apt install python3-venv)"; exit 1; }

# What the tests use beside Python. Installed where this user may; else named, and the tests that need it say so when they skip.
SYSTEM_PARTS := chromium:chromium chromedriver:chromium-driver redis-server:redis-server psql:postgresql
system-parts:
	@missing=""; for each in $(SYSTEM_PARTS); do command -v "$${each%%:*}" >/dev/null 2>&1 || missing="$$missing $${each##*:}"; done; \
	test -z "$$missing" && exit 0; \
	if test "$$(id -u)" = 0 && command -v apt-get >/dev/null 2>&1; then \
		echo "Installing for the tests:$$missing ..."; \
		{ apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends $$missing; } >/dev/null && exit 0; fi; \
	echo "Not here, and not to be installed by this user:$$missing. Their tests will be skipped (apt install$$missing)."; \
	test "$(CI)" != true || { echo "Under CI=true nothing may be skipped."; exit 1; }
