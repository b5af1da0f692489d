# Every target sets itself up from plain python3 (3.11 or newer) and make.
# Where nothing compiled may be kept, each process compiles the SDK's 3,000 modules anew: two seconds.
unexport PYTHONDONTWRITEBYTECODE

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
READY := $(VENV)/.ready

MODEL ?=
PROMPT ?=
RULEBOOK ?=
TASKS ?=
AGENTS ?=
REPEATS ?= 1
SANDBOX ?= auto
BUDGET ?=
CASES ?=
JSON ?=
MATRIX ?= results/baselines/nightly.toml
RESULTS ?= results

.DEFAULT_GOAL := help
.PHONY: help eval test check lint proof redteam nightly corpus chaos bench bench-peers clean

help: ## this list
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/^([a-z-]+):.*## /  make \1\t/' | expand -t 18
	@echo
	@echo "  make eval takes MODEL=id PROMPT=file RULEBOOK=file TASKS=a,b AGENTS=a,b REPEATS=n SANDBOX=auto|docker|bubblewrap BUDGET=usd"

eval: $(READY) ## run the agents on the tasks and print the table (no key: the reference agents)
	@$(BIN)/harness run --repeats $(REPEATS) --sandbox $(SANDBOX) \
	  $(if $(MODEL),--model $(MODEL)) $(if $(PROMPT),--prompt $(PROMPT)) $(if $(RULEBOOK),--rulebook $(RULEBOOK)) $(if $(TASKS),--tasks $(TASKS)) \
	  $(if $(AGENTS),--agents $(AGENTS)) $(if $(BUDGET),--budget $(BUDGET))

test: $(READY) ## run the tests
	@$(BIN)/python -m pytest -n 2 --dist loadfile

check: lint test ## everything a change has to pass

lint: $(READY) ## style, types and layers
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check --quiet .
	@$(BIN)/mypy
	@$(BIN)/lint-imports --cache-dir .import_linter_cache

proof: $(READY) ## prove every task: agents, every flaw, mutants, mock, juniors, repeats; keeps records, runs what changed
	@$(BIN)/harness proof
	@$(MAKE) --no-print-directory redteam

redteam: $(READY) ## cheats and honest look-alikes against weak graders and ours (CASES=P01,C03 JSON=file); exit 1 when one gains
	@PYTHONPATH=tests:. $(BIN)/python -m redteam --sandbox $(SANDBOX) \
	  $(if $(CASES),--cases $(CASES)) $(if $(JSON),--json $(JSON))

nightly: $(READY) ## candidate against a pinned control (MATRIX=file), trend, exports; exit 1 when it got worse, 3 when invalid
	@code=0; mkdir -p $(RESULTS); $(BIN)/harness nightly --results $(RESULTS) --matrix $(MATRIX) --sandbox $(SANDBOX) --format markdown \
	  $(if $(RULEBOOK),--rulebook $(RULEBOOK)) $(if $(BUDGET),--budget $(BUDGET)) > $(RESULTS)/nightly.md || code=$$?; \
	cat $(RESULTS)/nightly.md; \
	if [ $$code = 2 ]; then exit 2; fi; \
	$(BIN)/harness export junit --results $(RESULTS) --out $(RESULTS)/nightly.xml; \
	$(BIN)/harness export csv --results $(RESULTS) --out $(RESULTS)/nightly.csv; \
	$(BIN)/harness export summary --results $(RESULTS) --out $(RESULTS)/nightly-run.md; \
	exit $$code

corpus: $(READY) ## precision and recall of every rule over labelled deliveries
	@PYTHONPATH=tests:. $(BIN)/python -m corpus

chaos: $(READY) ## 200 trials under a bad provider, killed sandboxes and a killed harness (SANDBOX=docker too); prints the figures
	@PYTHONPATH=tests:. $(BIN)/python -m chaos $(if $(filter-out auto,$(SANDBOX)),--sandbox $(SANDBOX))

bench: $(READY) ## what a trial and a verdict cost beside bare scripts; writes docs/benchmarks.md (6 minutes, 12 with containers)
	@PYTHONPATH=tests:. $(BIN)/python -m bench
	@PYTHONPATH=tests:. $(BIN)/python -m bench_reading

bench-peers: $(READY) ## the same trivial trial in two other harnesses, installed for it and thrown away (about 4 minutes)
	@PYTHONPATH=tests:. $(BIN)/python -m bench.peers

clean: ## remove the environment and caches; results stay
	@rm -rf $(VENV) .pytest_cache .mypy_cache .ruff_cache .hypothesis .import_linter_cache *.egg-info
	@find harness graders tests -name __pycache__ -type d -prune -exec rm -rf {} +

$(READY): requirements.lock bootstrap.lock pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(0 if sys.version_info >= (3, 11) else \
	  "Makefile: Python 3.11 or newer is needed, %s is %s\n  mend: make PYTHON=/path/to/newer/python3" \
	  % (sys.executable, sys.version.split()[0]))' || exit 2
	@echo "setting up $(VENV)"
	@$(PYTHON) -m venv --clear $(VENV) || { echo "Makefile: python3 -m venv failed; mend: install the venv module (Debian: apt install python3-venv)"; exit 2; }
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r bootstrap.lock
	@$(BIN)/uv pip install --quiet --python $(BIN)/python --require-hashes -r requirements.lock \
	  || $(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements.lock
	@$(BIN)/uv pip install --quiet --python $(BIN)/python --no-deps --no-build-isolation --offline --editable .
	@touch $(READY)
