PYTHON ?= python
EVAL ?= eval
TEXTS ?= texts
COLLECTION ?= collection

.PHONY: install test coverage torture lowest audit lint format types check bench bench-full pages clean

install:  ## the one way in
	$(PYTHON) -m pip install -c constraints.txt -e '.[dev]'

test:  ## the whole suite
	$(PYTHON) -m pytest

coverage:  ## by branch; what runs in processes of its own does not count
	$(PYTHON) -m pytest --cov --cov-branch --cov-report=term:skip-covered

torture:  ## every fault in its long form, about an hour; writes docs/reliability.md
	$(PYTHON) -m tests.torture.run

lowest:  ## the suite with the lowest versions that pyproject.toml allows, in an environment of its own
	bash tests/lowest.sh

audit:  ## known faults of what is installed; asks a public database
	$(PYTHON) -m pip install pip-audit
	$(PYTHON) -m pip_audit -r constraints.txt --disable-pip --no-deps --strict

lint:
	ruff check
	ruff format --check
	lint-imports

format:
	ruff format
	ruff check --fix

types:
	mypy --strict smsearch

check: lint types test

bench:  ## speed and scale beside the peers, under half an hour; TEXTS names the folder of parallel text
	$(PYTHON) benchmarks/run.py --texts $(TEXTS)
	$(PYTHON) benchmarks/report.py

bench-full:  ## the same with a million passages
	$(PYTHON) benchmarks/run.py --texts $(TEXTS) --full
	$(PYTHON) benchmarks/report.py

pages:  ## quality, model and languages; EVAL names the folder of evaluation sets
	$(PYTHON) benchmarks/cold.py --write
	$(PYTHON) benchmarks/encoding.py --eval $(EVAL) --write
	$(PYTHON) benchmarks/mixed.py --eval $(EVAL) --collection $(COLLECTION) --write
	$(PYTHON) benchmarks/weights.py --eval $(EVAL) --collection $(COLLECTION) --write
	$(PYTHON) benchmarks/model.py --eval $(EVAL) --write
	$(PYTHON) benchmarks/quality.py --eval $(EVAL) --write
	$(PYTHON) benchmarks/languages.py --eval $(EVAL) --write

clean:
	rm -rf build dist .mypy_cache .ruff_cache .pytest_cache .import_linter_cache .hypothesis
