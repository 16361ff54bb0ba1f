# One command opens the course, one tests it; both set everything up by themselves.
# Another Python: make lab PYTHON=python3.12.  Arguments for JupyterLab: make lab ARGS="--port 9000".

PYTHON ?= python3
ARGS ?=
LESSONS ?=
JOBS ?= 2

# One thread a process where several run at once: two busy pools on two cores are far slower.
ONE_THREAD = OMP_NUM_THREADS=1 MKL_NUM_THREADS=1 OPENBLAS_NUM_THREADS=1
VENV = .venv/bin/python
PIP_INSTALL = $(VENV) -m pip install $(if $(CI),--quiet) --disable-pip-version-check --no-deps

.DEFAULT_GOAL := help
.PHONY: help setup lab test prove lint notebooks execute bench lock clean

help: ## Show this list
	@echo "A course on deep generative models. Commands:"
	@sed -n 's/^\([a-z]*\):.*## \(.*\)/  make \1@\2/p' Makefile | \
		while IFS=@ read -r name text; do printf '%-18s %s\n' "$$name" "$$text"; done

setup: .venv/.ready ## Set everything up, and open nothing

lab: .venv/.ready ## Open your own copies of the lessons in JupyterLab
	@$(VENV) notebooks/lab.py $(ARGS)

test: .venv/.ready ## Run the tests: library, lessons, browser
	$(ONE_THREAD) $(VENV) -m pytest -n $(JOBS) --dist loadfile \
		--nbval-lax --nbval-current-env --nbval-cell-timeout=100 tests notebooks $(ARGS)

prove: .venv/.ready ## Run the long proofs: every mutant, every kill, every hostile file
	$(ONE_THREAD) $(VENV) -m pytest -n $(JOBS) --dist loadgroup -m prove tests $(ARGS)

lint: .venv/.ready ## Check style, and that the notebooks agree with their source
	$(VENV) -m ruff check .
	$(VENV) -m ruff format --check .
	$(VENV) notebooks/build.py --check

notebooks: .venv/.ready ## Build the notebooks from notebooks/source
	$(VENV) notebooks/build.py $(LESSONS)

execute: .venv/.ready ## Run the solved copies at the laptop budget (LESSONS="02 06" for some)
	$(VENV) notebooks/build.py --execute $(LESSONS)

bench: .venv/.ready ## Measure the training loop against hand-written ones
	$(VENV) tests/bench.py $(ARGS)

lock: .venv/.ready ## Find the versions and hashes of all packages anew (ARGS=--upgrade)
	$(VENV) .ci/lock.py $(ARGS)

clean: ## Remove the environment and caches; your work/ and runs/ stay
	rm -rf .venv .pytest_cache .ruff_cache dist build
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

# The stamp is written last: an interrupted set-up is begun again from nothing, a changed
# requirement is installed on top. Every file is compared with its hash in a lock; the locks hold
# what the others need, so nothing is resolved (--no-deps), and the course is built by the locked
# backend. PyTorch's CPU build is taken where pip can find it; the index's for Linux is for GPUs,
# and asks for NVIDIA's libraries.
.venv/.ready: pyproject.toml $(wildcard requirements*.lock)
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { \
		echo "The course needs Python 3.11 or newer; '$(PYTHON)' is: $$($(PYTHON) --version 2>&1)."; \
		echo "Install one, or name it: make $(or $(MAKECMDGOALS),lab) PYTHON=python3.12"; exit 1; }
	@$(PYTHON) -c 'import venv, ensurepip' 2>/dev/null || { \
		echo "This Python cannot make virtual environments. On Debian or Ubuntu:"; \
		echo "  apt install python3-venv"; exit 1; }
	@echo "Setting up .venv; the first time takes some minutes ..."
	@if [ -e $@ ]; then rm -f $@; else $(PYTHON) -m venv --clear .venv; fi
	@$(PIP_INSTALL) --requirement requirements-cpu.lock 2>/dev/null || \
		echo "pip finds no CPU build of torch here: taking the one of its index."
	@$(PIP_INSTALL) --requirement requirements.lock
	@if $(VENV) -c 'from importlib.metadata import requires; any("nvidia" in r for r in requires("torch")) or exit(1)'; \
		then $(PIP_INSTALL) --requirement requirements-gpu.lock; fi
	@$(PIP_INSTALL) --no-build-isolation --editable .
	@touch $@
