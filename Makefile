# Two commands do everything, set-up included: `make book` and `make test`.
PROFILE ?= fast
PYTHON  ?= python3
VENV    := .venv
BIN     := $(VENV)/bin
READY   := $(VENV)/.ready
BROWSER := $(VENV)/.browser
# The oldest Python that installs and passes: Debian 12's own.
OLDEST  := 3.11.2
LOCK     = UV_CUSTOM_COMPILE_COMMAND="make lock" _build/lock/bin/uv pip compile --quiet --universal --python-version $(OLDEST) --no-annotate
# Tests of one file stay together: they share what was slow to make.
TWO     := -n 2 --dist loadfile --no-loadscope-reorder

# One thread per process: two pinned processes beat one greedy one many times over on small matrices.
export OMP_NUM_THREADS := 1
export OPENBLAS_NUM_THREADS := 1
export MKL_NUM_THREADS := 1
# Compiled modules are kept even where a machine's image says otherwise: else every one of a hundred processes compiles anew.
export PYTHONDONTWRITEBYTECODE :=

.DEFAULT_GOAL := help
.PHONY: moved help book test lint check test-faults test-book mutation bench links lab hooks lock clean distclean

help:
	@echo "make book [PROFILE=fast|cifar|paper]  run every notebook, judge every claim, build _build/html/index.html"
	@echo "make book JOBS=1                      at most so many processes; by default as many as you may use processors"
	@echo "make book SEED=1                      judge the whole book on another seed and say what differs; publish nothing"
	@echo "make check                            lint, format, import contract, types, unit tests: a minute"
	@echo "make test                             all tests but the next two: units, samplers' law, small books, JupyterLab"
	@echo "make test-faults                      killed processes, full disks, no network, a Dask cluster: all real, minutes"
	@echo "make test-book                        the built book in a browser: offline, accessible, every link, the explorer"
	@echo "make pdf                              the whole book as one PDF, _build/html/companion.pdf"
	@echo "make mutation                         break one thing at a time and judge again, at full size (an hour)"
	@echo "make bench                            the sampler's speed against direct simulation, as ratios"
	@echo "make links                            ask every address that a page of the built book leads to"
	@echo "make lab                              JupyterLab on the notebooks"
	@echo "make hooks                            install the pre-commit hooks: the same checks at every commit"
	@echo "make lock [UPGRADE=1]                 resolve pyproject.toml into requirements.txt; take newer releases"
	@echo "make clean | make distclean           remove what was built | and the environment too"

# The stamp is written last, so an interrupted set-up is done again, and so is one of a clone that was moved or copied, whose
# environment belongs to the old place. Only what make has made is ever removed. pip's own variables (index, proxy) apply.
OURS  := if [ -e $(VENV) ] && [ ! -e $(VENV)/.made-by-make ] && [ ! -e $(READY) ]; then \
	echo "$(VENV) is there and make has not made it: move it away, or name another with VENV=…" >&2; exit 1; fi
MOVED := $(shell [ ! -s $(READY) ] || [ "$$(cat $(READY))" = "$(CURDIR)" ] || echo moved)
$(READY): requirements.txt $(if $(MOVED),moved)
	@$(PYTHON) -c 'import sys; this = sys.version_info[:3]; sys.exit(None if this >= tuple(map(int, "$(OLDEST)".split("."))) else "Python $(OLDEST) or newer is needed, this is %d.%d.%d: set PYTHON=python3.12, say" % this)'
	@$(OURS)
	@echo "Setting up $(VENV) (once; a few minutes)"
	@rm -rf $(VENV) && mkdir -p $(VENV) && touch $(VENV)/.made-by-make
	@$(PYTHON) -m venv $(VENV)
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check -r requirements.txt
	@echo "$(CURDIR)" > $@

$(BROWSER): $(READY) tests/book/requirements.txt
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check -r tests/book/requirements.txt
	@touch $@

book: $(READY)
	@$(BIN)/python -m utils.build --profile $(PROFILE) $(if $(SEED),--seed $(SEED)) $(if $(JOBS),--jobs $(JOBS))

test: $(READY)
	@$(BIN)/python -m pytest $(TWO)

test-faults: $(READY)
	@$(BIN)/python -m pytest tests/faults $(TWO)

# Playwright drives the system's Chromium; it downloads none of its own.
define CHROMIUM_THERE
@if ! command -v "$${CHROMIUM:-chromium-headless-shell}" >/dev/null && ! command -v chromium >/dev/null && ! command -v google-chrome >/dev/null; then \
	if [ "$$(id -u)" = 0 ] && command -v apt-get >/dev/null; then \
		echo "Installing Chromium (once)"; \
		export DEBIAN_FRONTEND=noninteractive; apt-get update -qq && { \
		apt-get install -y -qq chromium-headless-shell >/dev/null 2>&1 || apt-get install -y -qq chromium >/dev/null; }; \
	else \
		echo "make $@ needs Chromium: install it (Debian: apt install chromium-headless-shell) or set CHROMIUM to its path" >&2; exit 1; \
	fi; \
fi
endef

test-book: $(BROWSER)
	$(CHROMIUM_THERE)
	@$(BIN)/python -m pytest tests/book -n 2 --dist loadgroup

pdf: book $(BROWSER)
	$(CHROMIUM_THERE)
	@$(BIN)/python -m utils.pdf

mutation: $(READY)
	@$(BIN)/python -m utils.mutation.suite --form long

bench: $(READY)
	@$(BIN)/python -m utils.experiments.benchmark

links: $(READY)
	@[ -d _build/stage ] || { echo "make links reads what make book has built: run that first" >&2; exit 1; }
	@PYTHONPATH=. $(BIN)/python -c 'import sys; from jupyter_book.cli.main import main; sys.argv = "jupyter-book build _build/stage --path-output _build/links --builder linkcheck".split(); main()'

lint: $(READY)
	@$(BIN)/python -m ruff check .
	@$(BIN)/python -m ruff format --check --quiet . || { echo "not formatted: run .venv/bin/ruff format ." >&2; exit 1; }
	@$(BIN)/lint-imports --no-logo
	@$(BIN)/mypy

check: lint
	@$(BIN)/python -m pytest -m "not slow" $(TWO)

hooks: $(READY)
	@$(BIN)/pre-commit install

lab: $(READY)
	@$(BIN)/jupyter lab $(if $(filter 0,$(shell id -u)),--allow-root) notebooks

# For every Python from the oldest on and for every system at once; what is pinned stays unless UPGRADE is given. A local
# build tag (torch's "+cpu") is not a version to pin, and torch brings the GPU libraries of its build.
lock:
	@$(PYTHON) -m venv --clear _build/lock
	@_build/lock/bin/python -m pip install --quiet --disable-pip-version-check uv
	@$(LOCK) $(if $(UPGRADE),--upgrade) -o requirements.txt pyproject.toml
	@sed -i.old -E 's/\+cpu//; /^(cuda|nvidia|triton)/d' requirements.txt && rm requirements.txt.old
	@$(LOCK) --no-header --constraint requirements.txt --extra browser -o _build/lock/browser.txt pyproject.toml
	@(echo "# What make test-book needs beyond requirements.txt; made by make lock."; \
		sed -E 's/\+cpu//; /^(cuda|nvidia|triton)/d' _build/lock/browser.txt | grep -vxFf requirements.txt) > tests/book/requirements.txt
	@rm -rf _build/lock

clean:
	rm -rf _build

distclean: clean
	@$(OURS)
	rm -rf $(VENV)
