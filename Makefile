# `make demo` and `make test` do all of their own set-up: Python 3.11 or 3.12, make and a package index are enough.

FITS := import sys; sys.exit(not (3, 11) <= sys.version_info[:2] < (3, 13))
PYTHON ?= $(shell for python in python3 python3.12 python3.11; do \
	$$python -c '$(FITS)' 2>/dev/null && echo $$python && break; done)
VENV := .venv
BIN := $(VENV)/bin
READY := $(VENV)/.make-installed
SEEDS ?= 2000
KILLS ?= 50
WORKERS ?= 3
LISTEN ?= 127.0.0.1:8080
STORE ?= sqlite:build/server.db

.PHONY: demo test check lint types imports vectors bench simulate spending crash blobs rollbacks fuzz attacks mutants format serve clean

demo: $(READY)
	$(BIN)/python -m tests.demo

test: $(READY)
	$(BIN)/python -m pytest -q --numprocesses $(WORKERS) --dist worksteal

check: lint types imports vectors test

lint: $(READY)
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .

types: $(READY)
	$(BIN)/mypy

imports: $(READY)
	$(BIN)/lint-imports

vectors: $(READY)
	$(BIN)/python -m specs.vectors.generate --check

bench: $(READY)
	$(BIN)/python -m tests.benchmarks

# Longer campaigns: the default test run holds a small size of each.
simulate: $(READY)
	$(BIN)/python -m tests.simulation --seeds $(SEEDS)

spending: $(READY)
	BILLFOLD_SPENDING_SEEDS=$(SEEDS) $(BIN)/python -m pytest -q tests/simulation/test_spending.py

crash: $(READY)
	BILLFOLD_KILLS=$(KILLS) $(BIN)/python -m pytest -q tests/integration/test_kill.py

blobs: $(READY)
	BILLFOLD_BLOB_SIZE=$(or $(SIZE),100) BILLFOLD_BLOB_CUTS=$(or $(CUTS),20) $(BIN)/python -m pytest -q -s tests/integration/test_blob_campaign.py

rollbacks: $(READY)
	BILLFOLD_LOST_ENTRIES=$(or $(ENTRIES),1000) $(BIN)/python -m pytest -q tests/integration/test_server_lost_history.py

fuzz: $(READY)
	BILLFOLD_EXAMPLES=$(or $(EXAMPLES),1000) $(BIN)/python -m pytest -q tests/properties

# Every attack of specs/02-threat-model.md at its full size, then each with its check taken out.
attacks: $(READY)
	BILLFOLD_ATTACKS=$(or $(SIZE),whole) $(BIN)/python -m tests.attacks $(ROWS)

mutants: $(READY)
	$(BIN)/python -m tests.attacks.mutants $(ROWS)

format: $(READY)
	$(BIN)/ruff check --fix-only .
	$(BIN)/ruff format .

serve: $(READY)
	mkdir -p build
	$(BIN)/billfold-server --store $(STORE) --listen $(LISTEN)

clean:
	rm -rf build $(VENV)

$(READY): pyproject.toml constraints.txt
	@test -n "$(PYTHON)" || { echo "Billfold needs Python 3.11 or 3.12: make PYTHON=/path/to/one" >&2; exit 1; }
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --upgrade 'pip>=25.1'
	$(BIN)/python -m pip install --quiet --constraint constraints.txt --editable '.[sdk,server]' --group dev
	touch $@
