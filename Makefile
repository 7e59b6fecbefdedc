# Every target sets .venv up first; when that is done already, it costs a few hundredths of a second.

CORES ?= all
SCALE ?= desk
ARGS ?=

IN_VENV = PATH="$(CURDIR)/.venv/bin:$$PATH"
SNAKEMAKE = $(IN_VENV) snakemake --profile profiles/default --cores $(CORES)

.DEFAULT_GOAL := help
.PHONY: help setup reproduce report smoke controls reproductions test cluster torture bench lint format lock clean distclean

help: ## Show this list
	@awk -F ':.*## ' '/^[a-z]+:.*## / { printf "  make %-15s %s\n", $$1, $$2 }' Makefile
	@echo
	@echo '  CORES=2 limits the cores; ARGS="..." goes to Snakemake or pytest; PYTHON=/path/to/python chooses the interpreter.'

setup: ## Make .venv from requirements.lock, or mend it
	@.venv/bin/python -S workflow/setup_venv.py --check 2>/dev/null \
	  || "$$(command -v python3 || echo "$(or $(PYTHON),python3)")" workflow/setup_venv.py

reproduce: setup ## Rerun every paper at desk scale and show the verdicts
	@LITMUS_TABLE=no $(SNAKEMAKE) $(ARGS); code=$$?; \
	  $(IN_VENV) litmus verdicts --scale desk; \
	  echo "  $$($(IN_VENV) litmus report --scale desk)"; \
	  report=results/desk/report.html; \
	  if [ $$code -eq 0 ]; then \
	    [ $$report -nt results/desk/verdicts.csv ] || \
	      $(SNAKEMAKE) $(ARGS) --report $$report >.snakemake/report.log 2>&1 || cat .snakemake/report.log; \
	    [ ! -f $$report ] || echo "  $$report"; \
	  fi; \
	  exit $$code

report: setup ## Build the report of the last run; SCALE=smoke for the other one
	@$(IN_VENV) litmus report --scale $(SCALE)

smoke: setup ## Rerun every paper at smoke scale (minutes)
	@LITMUS_TABLE=no $(SNAKEMAKE) smoke $(ARGS); code=$$?; \
	  $(IN_VENV) litmus verdicts --scale smoke; exit $$code

controls: setup ## Check that broken methods fail their claims
	@$(SNAKEMAKE) controls $(ARGS)

reproductions: setup ## Write REPRODUCTIONS.md from the last desk run
	@$(SNAKEMAKE) reproductions $(ARGS)

test: setup ## Run the tests, then the controls
	@$(IN_VENV) python -m pytest -n 2 -q $(ARGS)
	@$(SNAKEMAKE) controls

cluster: setup ## Run nine papers on a real Slurm of this one machine (root and Debian, else it says why not)
	@$(IN_VENV) python tests/cluster/slurm.py

torture: setup ## Try to break a run: kills, a full disk, damaged files, hostile papers (ten minutes at most)
	@$(IN_VENV) python tests/torture/torture.py

bench: setup ## Measure the workflow's own cost on synthetic papers
	@$(IN_VENV) python tests/bench/bench.py $(ARGS)

lint: setup ## Check style, types and the workflow
	@$(IN_VENV) ruff check .
	@$(IN_VENV) ruff format --check .
	@$(IN_VENV) snakefmt --check Snakefile workflow/rules
	@$(IN_VENV) snakemake --lint
	@$(IN_VENV) mypy

format: setup ## Bring the code into the style that lint checks
	@$(IN_VENV) ruff check --fix .
	@$(IN_VENV) ruff format .
	@$(IN_VENV) snakefmt Snakefile workflow/rules

lock: ## Renew requirements.lock: the newest versions that pyproject.toml allows
	rm -rf .venv-lock
	"$(or $(PYTHON),python3.11)" -m venv .venv-lock
	.venv-lock/bin/python -m pip install --quiet --upgrade setuptools '.[dev]'
	{ grep '^#' requirements.lock; .venv-lock/bin/python -m pip freeze --all --exclude pip --exclude litmus \
	  | grep -viE '^(nvidia|cuda|triton)' | sed 's/+.*//'; } > .venv-lock/requirements.lock
	mv .venv-lock/requirements.lock requirements.lock
	rm -rf .venv-lock build

clean: ## Remove results, figures, logs, benchmarks and caches
	rm -rf figures logs benchmarks .snakemake .hypothesis .mypy_cache .pytest_cache .ruff_cache
	find results -mindepth 1 ! -path results/README.md -delete
	find workflow papers tests -name __pycache__ -prune -exec rm -rf {} +

distclean: clean ## Remove .venv too
	rm -rf .venv .venv-setup.log .venv-lock workflow/litmus.egg-info
