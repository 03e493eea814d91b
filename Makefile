PYTHON ?= python
EVAL ?= eval

.PHONY: install test lint format types check bench clean

install:  ## the one way in
	$(PYTHON) -m pip install -c constraints.txt -e '.[dev]'

test:  ## the whole suite
	$(PYTHON) -m pytest

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

bench:  ## every table in benchmarks/; EVAL names the folder of evaluation sets
	$(PYTHON) benchmarks/cold.py --write
	$(PYTHON) benchmarks/encoding.py --eval $(EVAL) --write
	$(PYTHON) benchmarks/fusion.py --eval $(EVAL) --write
	$(PYTHON) benchmarks/model.py --eval $(EVAL) --write
	$(PYTHON) benchmarks/quality.py --eval $(EVAL) --write
	$(PYTHON) benchmarks/languages.py --eval $(EVAL) --write
	$(PYTHON) benchmarks/scale.py --eval $(EVAL) --write

clean:
	rm -rf build dist .mypy_cache .ruff_cache .pytest_cache .import_linter_cache .hypothesis
