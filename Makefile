# Every target works on a fresh machine with Python 3.11 or newer, and can be repeated at once.
# A step prints one line; its full output is in build/log/.

.DEFAULT_GOAL := help
.PHONY: help setup runtime components lint test test-fast fuzz sim sim-all compat overload verdicts mutants plot-gossip demo bench scenarios cases settings lock clean

PYTHON ?=
WORKERS ?= 2
RUN := .venv/bin/python
PARALLEL := --numprocesses $(WORKERS)
STEP := scripts/step.sh
CODE := messages constellation actors rigs tests bench scripts $(wildcard demo)
BENCHMARKS := $(filter-out failover_dns figures programs actor_pair gossip_members gossip_pairs gossip_programs node_processes node_services __init__,$(patsubst bench/%.py,%,$(wildcard bench/*.py)))
export PYTHON
export PATH := $(CURDIR)/.venv/bin:$(PATH)

help:  ## list the targets
	@sed -n 's/^\([a-zA-Z-]*\):.*## \(.*\)/  make \1 - \2/p' $(MAKEFILE_LIST)
	@echo "  make bench-NAME - run one benchmark: $(BENCHMARKS)"

setup:  ## make .venv with the locked dependencies
	@$(STEP) setup scripts/setup_venv.sh

components: setup  ## fetch the real programs that tests run against
	@$(STEP) components scripts/components.sh
	@grep '^not available' build/log/components.log || true

lint: setup  ## check style, types and import layers
	@$(STEP) "ruff check" $(RUN) -m ruff check .
	@$(STEP) "ruff format" $(RUN) -m ruff format --check .
	@$(STEP) mypy $(RUN) -m mypy $(CODE)
	@$(STEP) "import layers" .venv/bin/lint-imports

test: components lint  ## lint, and run all tests on two workers; WORKERS=4; PYTEST_ARGS="-k word" for some
	@$(STEP) -v tests $(RUN) -m pytest $(or $(PYTEST_ARGS),$(PARALLEL))

test-fast: setup  ## run the tests that need nothing outside the process
	@$(RUN) -m pytest -m "not integration" $(PARALLEL) $(PYTEST_ARGS)

runtime:
	@$(STEP) runtime scripts/setup_venv.sh run

demo: runtime  ## run three agents and Traefik on this machine; CHECK=1 without waiting for a person
	@$(STEP) traefik scripts/components.sh traefik
	@$(RUN) -m demo $(if $(CHECK),--check)

bench: $(addprefix bench-,$(BENCHMARKS))  ## run all benchmarks

bench-%: components
	@test -f bench/$*.py || { echo "no benchmark $*: choose from $(BENCHMARKS)" >&2; exit 2; }
	@$(RUN) -m bench.$*

scenarios: setup  ## list the scenarios of docs/SCENARIOS.md and the tests that prove them
	@$(RUN) -m scripts.proof_table scenarios

cases: setup  ## list the cases of docs/CASES.md and the tests that prove them
	@$(RUN) -m scripts.proof_table cases

fuzz: setup  ## feed broken input to everything that gossip decodes; RUNS=200000 SEED=1 TARGET=node FROM=0
	@$(RUN) -m tests.fuzz --runs $(or $(RUNS),200000) --seed $(or $(SEED),1) --from $(or $(FROM),0) \
		--target $(or $(TARGET),all)

sim: setup  ## simulate Raft and leases under random faults; SEEDS=1000 FROM=0, or SEED=7 for one
	@$(RUN) -m tests.simulation.raft_campaign --seeds $(or $(SEEDS),1000) --from $(or $(FROM),0) \
		$(if $(SEED),--seed $(SEED))

compat: components  ## compare label set-ups with Traefik's Docker provider, and `explain` with requests; SEEDS=100
	@$(RUN) -m pytest tests/traefik/compatibility --all-setups
	@$(RUN) -m pytest tests/simulation/test_explained.py --sim-runs $(or $(SEEDS),100)

sim-all: setup  ## run every simulation with many seeds; SEEDS=100
	@$(RUN) -m pytest $(PARALLEL) tests/simulation --sim-runs $(or $(SEEDS),100)

overload: setup  ## run three agents on a machine that is busy with something else; LOAD=30 SECONDS=60
	@$(RUN) -m tests.agent.overload_campaign --load $(or $(LOAD),30) --seconds $(or $(SECONDS),60)

verdicts: setup  ## ask Traefik what it makes of every value that labels may have; rewrites the table that tests compare with
	@$(RUN) -m tests.traefik.verdicts

mutants: setup  ## plant faults in the cores, list what no fast test catches; PACKAGE=raft COUNT=60 SEED=1
	@$(STEP) mutmut env PIP_CONSTRAINT=requirements.lock $(RUN) -m pip install --quiet \
		--disable-pip-version-check --no-input --editable '.[mutants]'
	@for package in $(or $(PACKAGE),gossip leases raft traefik transport); do \
		$(RUN) -m tests.mutants.campaign $$package --count $(or $(COUNT),60) --seed $(or $(SEED),1) \
			--workers $(WORKERS) || exit; \
	done

plot-gossip: setup  ## measure gossip in simulated clusters of up to 1,000, and draw docs/gossip-scale.svg; DRAW=1 only draws
	@$(STEP) matplotlib env PIP_CONSTRAINT=requirements.lock $(RUN) -m pip install --quiet \
		--disable-pip-version-check --no-input --editable '.[plots]'
	@$(RUN) -m scripts.plot_gossip $(if $(DRAW),--draw)

settings: setup  ## regenerate docs/settings.md and the examples in deploy/
	@$(RUN) -m scripts.settings_reference

lock: setup  ## regenerate requirements.lock from the packages in .venv
	@{ sed -n '/^#/p' requirements.lock; $(RUN) -m pip freeze --exclude-editable; } > build/requirements.lock
	@mv build/requirements.lock requirements.lock

clean:  ## remove everything that make created here
	@rm -rf .venv build .demo .components .pytest_cache .mypy_cache .ruff_cache .hypothesis \
		.import_linter_cache *.egg-info bench/results/*.json
	@find . -name __pycache__ -type d -prune -exec rm -rf {} +
