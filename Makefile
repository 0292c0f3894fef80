# `make demo` and `make test` need Python 3.10 or later, pip and make, and nothing else. The rest is for work on the project.
PYTHON ?= python3
VENV ?= .venv
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip --disable-pip-version-check install --quiet --constraint constraints.txt

.PHONY: demo test test-faults test-docs test-server mutation lint types wheel docs notebooks check clean
.DELETE_ON_ERROR:

demo: $(VENV)/.demo
	@$(BIN)/mem0milvus demo

test: $(VENV)/.test
	$(BIN)/python -m pytest -n 3 --dist worksteal

# Processes killed while they write (KILLS=100 kills more of them), and what `make test` tries on a few examples on many.
test-faults: $(VENV)/.test
	$(BIN)/python -m pytest -m slow -n 2 --dist loadfile
	TENANTS=3000 RECORD_EXAMPLES=300 MACHINE_EXAMPLES=90 FILTER_EXAMPLES=300 LOAD_TASKS=300 \
	  $(BIN)/python -m pytest tests/properties tests/faults/test_load.py -n 2 --dist loadfile

# What the documentation shows, run block by block.
test-docs: $(VENV)/.test
	$(BIN)/python -m pytest -m docs -n 2

# On a real Milvus (MILVUS_URI, or Milvus 2.3.5 from its wheel, which it starts and stops) and on a milvus-lite server.
test-server: $(VENV)/.server-test
	$(BIN)/python -m pytest -m server

# Small faults made one at a time in ranking, filters and operations: each is noticed by a test, or listed with the reason
# in tests/mutation/survivors.json. It takes about forty minutes. MUTATION="--room ranking" runs less, "--record" records.
mutation: $(VENV)/.test
	PYTHONPATH=core:. $(BIN)/python -m tools.mutation $(MUTATION)

lint: $(VENV)/.test
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/lint-imports

types: $(VENV)/.test
	$(BIN)/mypy

wheel: $(VENV)/.test
	rm -rf dist
	$(BIN)/python -m build --wheel --outdir dist .
	$(BIN)/python tests/packaging/check_wheel.py dist

# The site, into build/site, and the notebooks run anew. Both need Python 3.11 or later.
docs: $(VENV)/.docs
	NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs build --strict

notebooks: $(VENV)/.docs
	$(BIN)/python tools/run_notebooks.py

check: test lint types wheel

clean:
	rm -rf $(VENV) dist build .mypy_cache .pytest_cache .ruff_cache .hypothesis

# A Python without ensurepip (as Debian splits it) still has pip itself, which can fill an environment from outside.
$(VENV)/bin/python:
	@$(PYTHON) -c 'import sys; sys.exit("mem0milvus needs Python 3.10 or later; " + sys.executable + " is " + sys.version.split()[0] + ". Say which: make PYTHON=python3.12 ...") if sys.version_info < (3, 10) else None'
	@$(PYTHON) -m venv $(VENV) 2>/dev/null || { \
	  $(PYTHON) -m venv --clear --without-pip $(VENV) && $(PYTHON) -m pip --python $(BIN)/python install --quiet pip; }

$(VENV)/.demo: $(VENV)/bin/python pyproject.toml constraints.txt
	@echo "Installing into $(VENV); this takes a minute, once."
	@$(PIP) --editable ".[cli,local]"
	@touch $@

$(VENV)/.test: $(VENV)/bin/python pyproject.toml constraints.txt
	@echo "Installing into $(VENV); this takes a minute, once."
	@$(PIP) --editable ".[test]"
	@touch $@ $(VENV)/.demo

$(VENV)/.docs: $(VENV)/.test
	@$(PIP) --editable ".[test,docs]"
	@touch $@

$(VENV)/.server-test: $(VENV)/.test
	@$(PIP) --editable ".[test,server-test]"
	@touch $@
