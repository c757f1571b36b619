# Everything here works on a fresh machine with Python 3.11 or newer, and again at once.
# A step says one line; what it said in full is in build/log/.

.DEFAULT_GOAL := help
.PHONY: help setup components lint test test-fast fuzz sim plot-gossip demo bench scenarios settings lock clean

PYTHON ?=
RUN := .venv/bin/python
STEP := scripts/step.sh
CODE := messages constellation actors rigs tests bench scripts $(wildcard demo)
BENCHMARKS := $(filter-out figures programs actor_pair gossip_members __init__,$(patsubst bench/%.py,%,$(wildcard bench/*.py)))
export PYTHON
export PATH := $(CURDIR)/.venv/bin:$(PATH)

help:  ## say what there is to make
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

test: components lint  ## lint, and run all tests; PYTEST_ARGS="-k word" for some
	@scripts/run_tests.sh $(PYTEST_ARGS)

test-fast: setup  ## run the tests that need nothing outside the process
	@$(RUN) -m pytest -m "not integration" $(PYTEST_ARGS)

demo: setup  ## three agents and Traefik on this machine; CHECK=1 for programs
	@$(STEP) traefik scripts/components.sh traefik
	@$(RUN) -m demo $(if $(CHECK),--check)

bench: $(addprefix bench-,$(BENCHMARKS))  ## run all benchmarks

bench-%: components
	@test -f bench/$*.py || { echo "no benchmark $*: there are $(BENCHMARKS)" >&2; exit 2; }
	@$(RUN) -m bench.$*

scenarios: setup  ## list which lines of docs/SCENARIOS.md are proven, and by which tests
	@$(RUN) -m scripts.scenarios_table

fuzz: setup  ## feed nonsense to all that gossip decodes; RUNS=200000 SEED=1 TARGET=node FROM=0
	@$(RUN) -m tests.fuzz --runs $(or $(RUNS),200000) --seed $(or $(SEED),1) --from $(or $(FROM),0) \
		--target $(or $(TARGET),all)

sim: setup  ## simulate Raft and leases under random faults; SEEDS=1000 FROM=0, or SEED=7 for one
	@$(RUN) -m tests.simulation.raft_campaign --seeds $(or $(SEEDS),1000) --from $(or $(FROM),0) \
		$(if $(SEED),--seed $(SEED))

plot-gossip: setup  ## measure gossip in simulated clusters of up to 1,000, and draw docs/gossip-scale.svg
	@$(STEP) matplotlib env PIP_CONSTRAINT=requirements.lock $(RUN) -m pip install --quiet \
		--disable-pip-version-check --no-input --editable '.[plots]'
	@$(RUN) -m scripts.plot_gossip $(if $(DRAW),--draw)

settings: setup  ## write docs/settings.md and the examples in deploy/ anew
	@$(RUN) -m scripts.settings_reference

lock: setup  ## write requirements.lock anew from what .venv has
	@{ sed -n '/^#/p' requirements.lock; $(RUN) -m pip freeze --exclude-editable; } > build/requirements.lock
	@mv build/requirements.lock requirements.lock

clean:  ## remove everything that was made here
	@rm -rf .venv build .demo .components .pytest_cache .mypy_cache .ruff_cache .hypothesis \
		.import_linter_cache *.egg-info bench/results/*.json
	@find . -name __pycache__ -type d -prune -exec rm -rf {} +
