# The two main targets are `make demo` and `make test`. Each creates .venv first, from the package index alone.

PYTHON ?= python3
BIN := .venv/bin
READY := .venv/.ready
BROWSER_READY := .venv/.browser
MINDSPORE_READY := .venv-mindspore/.ready
MINDSPORE_TESTS := tests/weights/test_real_mindspore.py tests/in_mindspore

.PHONY: help demo test test-slow test-browser test-mindspore test-mindspore-slow gpu-script lint types imports check package docs notebook format clean

help:
	@echo "make demo        render people, train MVD on them and evaluate it (under 10 minutes on 2 cores)"
	@echo "make test        the tests, doctests and the examples of the documentation (minutes)"
	@echo "make test-slow   the tests that train for minutes"
	@echo "make test-browser   the page and the report in Chromium, which is Debian's (apt-get install chromium)"
	@echo "make test-mindspore   MindSpore against PyTorch, in an environment that has both (downloads 800 MB)"
	@echo "make test-mindspore-slow   the rest of those: networks of the full size, all sixteen scripts"
	@echo "make check       lint, types and import rules"
	@echo "make package     build the package, install the wheel into an empty environment and start it"
	@echo "make gpu-script  benchmarks/gpu.sh on the CPU with tiny sizes"
	@echo "make docs        the documentation as a site, in site/"
	@echo "make notebook    run examples/tour.ipynb and keep what it prints and draws"
	@echo "make format      format the code"
	@echo "make clean       remove the virtual environment and caches"

demo: $(READY)
	$(BIN)/mvd demo demo --replace

# One process for each core, with one thread each: more threads would wait for each other.
test: $(READY)
	OMP_NUM_THREADS=1 $(BIN)/pytest -n auto --dist worksteal

test-slow: $(READY)
	$(BIN)/pytest -m slow

# Skips, saying so, where there is no Chromium. MVD_SCREENSHOTS=docs/images draws the documentation's pictures again.
test-browser: $(BROWSER_READY)
	OMP_NUM_THREADS=1 $(BIN)/pytest -m browser tests/browser

test-mindspore: $(MINDSPORE_READY)
	OMP_NUM_THREADS=1 .venv-mindspore/bin/pytest -m 'mindspore and not slow' --durations=5 $(MINDSPORE_TESTS)

test-mindspore-slow: $(MINDSPORE_READY)
	OMP_NUM_THREADS=1 .venv-mindspore/bin/pytest -m 'mindspore and slow' --durations=5 $(MINDSPORE_TESTS)

check: lint types imports

lint: $(READY)
	$(BIN)/ruff check
	$(BIN)/ruff format --check

types: $(READY)
	$(BIN)/mypy

imports: $(READY)
	$(BIN)/lint-imports

# The checks for a GPU, here on the CPU with tiny sizes: errors of the script itself show before it costs time on a GPU.
gpu-script: $(READY)
	MVD_GPU_TINY=1 PYTHON=$(BIN)/python benchmarks/gpu.sh "$$(mktemp -d)" card tests step embed run strong ladder

package: $(READY)
	scripts/check_package.sh $(BIN)/python

# Not --quiet: that silences warnings before they are counted, so that none fails the build.
docs: $(READY)
	NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs build --strict

# A minute on two idle cores; the limit is for a cell, on a busy machine.
notebook: $(READY)
	$(BIN)/jupyter-execute --inplace --timeout=300 examples/tour.ipynb

format: $(READY)
	$(BIN)/ruff check --fix
	$(BIN)/ruff format

clean:
	rm -rf build dist site .venv .venv-mindspore .pytest_cache .mypy_cache .ruff_cache .import_linter_cache .hypothesis

$(READY): pyproject.toml constraints.txt
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 10))' || \
	  { echo "expected Python 3.10 or newer, found `$(PYTHON) --version 2>&1`: make PYTHON=python3.12 ..."; exit 1; }
	@test -x $(BIN)/pip || $(PYTHON) -m venv .venv || $(PYTHON) -m virtualenv .venv || \
	  { echo "expected a Python that can make virtual environments, found none: apt install python3-venv"; exit 1; }
	$(BIN)/pip install --quiet --disable-pip-version-check -c constraints.txt -e '.[dev]'
	@touch $@

$(BROWSER_READY): $(READY)
	$(BIN)/pip install --quiet --disable-pip-version-check -c constraints.txt -e '.[browser]'
	@touch $@

# MindSpore's extra may ask for another NumPy than the one that the other tests were last run with.
$(MINDSPORE_READY): pyproject.toml constraints.txt
	@test -x .venv-mindspore/bin/pip || $(PYTHON) -m venv .venv-mindspore || $(PYTHON) -m virtualenv .venv-mindspore || \
	  { echo "expected a Python that can make virtual environments, found none: apt install python3-venv"; exit 1; }
	grep -v '^numpy=' constraints.txt > .venv-mindspore/constraints.txt
	.venv-mindspore/bin/pip install --quiet --disable-pip-version-check -c .venv-mindspore/constraints.txt \
	  -e '.[mindspore,torch]' hypothesis pytest
	@touch $@
