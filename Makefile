# One recipe for everything that CI does, so that it runs at home as well. A bare machine needs Python 3.11 or newer,
# make and pip: the rest is installed into .venv, and again when pyproject.toml changes.

# Another Python goes into another place: make test PYTHON=python3.13 VENV=/where/it/may/be.
PYTHON ?= python3
VENV := $(CURDIR)/.venv
BIN := $(VENV)/bin
# These tests fork by the thousand, and a fork takes as long as its process is large: they run by themselves, without the
# libraries that the other tests import.
BELOW := tests/blobs tests/contract tests/crash tests/index tests/store
# They also sync thousands of small files: in memory, where the machine has that much, they need half to four fifths of the time.
ROOM = $(shell df -Pk /dev/shm 2>/dev/null | awk 'NR == 2 && $$4 > 8000000 {print "TMPDIR=/dev/shm"}')
COMMA := ,
PAGES = README.md $(shell find docs -name '*.md' | sort)

.DEFAULT_GOAL := help
.NOTPARALLEL:
.DELETE_ON_ERROR:

.PHONY: help
help:  ## Say what there is to make
	@sed -n 's/^\([a-z]*\):.*## /make \1	/p' $(MAKEFILE_LIST) | expand -t 18

# A clean clone has no bytecode, and where PYTHONDONTWRITEBYTECODE is set, as in many an image for CI, it would never get any: each
# of the hundreds of processes in which blocks and tests run consist would compile it anew (0.84 s instead of 0.43 s, of processor
# time). What is there already is used all the same.
.PHONY: compiled
compiled: $(VENV)/core.stamp
	@PYTHONDONTWRITEBYTECODE= "$(BIN)/python" -m compileall -q consist

.PHONY: quickstart
quickstart: compiled  ## See a run that is executed, the same run found again, and both on the command line
	@rm -rf quickstart && mkdir quickstart
	@"$(BIN)/python" docs/blocks.py extract docs/tutorial.md quickstart.py > quickstart/quickstart.py
	@printf '\n$$ python quickstart.py          # the first time: executed\n'
	@cd quickstart && "$(BIN)/python" quickstart.py
	@printf '\n$$ python quickstart.py          # the second time: found\n'
	@cd quickstart && "$(BIN)/python" quickstart.py
	@printf '\n$$ python -m consist.cli runs --db-path ./provenance.duckdb --limit 5\n'
	@cd quickstart && "$(BIN)/python" -m consist.cli runs --db-path ./provenance.duckdb --limit 5

.PHONY: test
test: $(VENV)/dev.stamp compiled  ## Run the tests
	$(ROOM) "$(BIN)/python" -m pytest -n auto -q $(BELOW)
	$(ROOM) "$(BIN)/python" -m pytest -n auto -q tests $(BELOW:%=--ignore=%)

# mypy takes 28 s of one core from a clean clone, so it runs beside the pages, which wait often and are of unequal length.
.PHONY: check
check: $(VENV)/dev.stamp compiled  ## Check style, types, layers, and that the documentation is true
	"$(BIN)/ruff" check .
	"$(BIN)/ruff" format --check .
	"$(BIN)/lint-imports"
	"$(BIN)/python" docs/reference/generate.py --check
	"$(BIN)/python" docs/reference/schemas.py --check
	"$(BIN)/mypy" & types=$$!; "$(BIN)/python" docs/blocks.py run $(PAGES); pages=$$?; wait $$types && exit $$pages

.PHONY: bench
bench: $(VENV)/dev.stamp  ## Measure, as ratios to a floor that is measured in the same run
	"$(BIN)/python" benchmarks/run.py

.PHONY: docs
docs: $(VENV)/docs.stamp  ## Build the documentation into site/; a warning is an error
	"$(BIN)/python" docs/reference/generate.py
	"$(BIN)/python" docs/reference/schemas.py
	NO_MKDOCS_2_WARNING=1 "$(BIN)/mkdocs" build --strict

.PHONY: clean
clean:  ## Remove what the others made, but for .venv
	rm -rf build dist site quickstart .benchmarks .coverage .hypothesis
	rm -rf .pytest_cache .mypy_cache .ruff_cache .import_linter_cache
	find consist tests benchmarks docs -name __pycache__ -type d -prune -exec rm -rf {} +

.PHONY: distclean
distclean: clean  ## Remove .venv too
	rm -rf "$(VENV)"

# Debian's Python comes without ensurepip: there, the pip that the machine has fills the environment.
$(BIN)/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
	  { echo "consist needs Python 3.11 or newer: make PYTHON=python3.12 $(MAKECMDGOALS)" >&2; exit 1; }
	@if $(PYTHON) -c 'import ensurepip' 2>/dev/null; then $(PYTHON) -m venv "$(VENV)"; \
	else $(PYTHON) -m venv --without-pip "$(VENV)" && $(PYTHON) -m pip --python "$@" install -qq pip; fi

# uv fills the environment in a tenth of pip's time (25 s for 175 packages; pip took 210 s). It reads none of pip's settings, so where it
# cannot reach an index, as behind a mirror that only pip knows, pip does it.
INSTALL = "$(BIN)/uv" pip install --quiet --compile-bytecode --native-tls --python "$(BIN)/python" --editable '$(1)' \
  || "$(BIN)/python" -m pip install -qq --editable '$(1)'

$(BIN)/uv: | $(BIN)/python
	@"$(BIN)/python" -m pip install -qq uv

$(VENV)/core.stamp: pyproject.toml | $(BIN)/uv
	@echo "installing consist into .venv"
	@$(call INSTALL,.)
	@touch "$@"

$(VENV)/dev.stamp: pyproject.toml $(VENV)/core.stamp
	@echo "installing what the tests need into .venv"
	@$(call INSTALL,.[all$(COMMA)dev])
	@touch "$@"

$(VENV)/docs.stamp: pyproject.toml $(VENV)/core.stamp
	@echo "installing what the documentation needs into .venv"
	@$(call INSTALL,.[docs])
	@touch "$@"
