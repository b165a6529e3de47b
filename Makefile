# Everything a person or a CI job types. `make` alone lists it.

VENV := .venv
PY := $(VENV)/bin/python
export PORT ?= 8000
export SANDBOX_PORT ?= 8001

.DEFAULT_GOAL := list
.PHONY: list run test lint bench lock clean

list: ## this list
	@sed -n 's/^\([a-z]*\):.*## /  make \1    /p' Makefile

run: $(VENV)/run.stamp ## the portal with an embedded gateway, at http://127.0.0.1:8000
	@$(PY) manage.py demo

test: $(VENV)/test.stamp ## every check and test, on SQLite and PostgreSQL, with coverage
	@$(PY) -m tests.suite

lint: $(VENV)/test.stamp ## linters, types, import rules and project rules only
	@$(PY) -m pytest -q -p no:cacheprovider tests/checks

bench: $(VENV)/test.stamp ## the figures of the portal, with their method
	@$(PY) -m bench

lock: $(VENV)/run.stamp ## requirements*.txt from requirements*.in, with the hashes of every file
	@$(PY) -m pip install --quiet --disable-pip-version-check uv
	@for name in requirements requirements-redis tests/requirements; do \
		$(PY) -m uv pip compile --quiet --python-version 3.11 --generate-hashes --no-header --no-emit-index-url \
			--no-emit-find-links $$name.in --output-file $$name.txt; \
	done

clean: ## removes what the commands made, the demo's data excepted
	rm -rf $(VENV) staticfiles htmlcov .coverage .coverage.* .pytest_cache .mypy_cache .ruff_cache .import_linter_cache

# The first Python of these that is 3.11 or newer makes the virtual environment.
$(VENV)/run.stamp: requirements.txt
	@set -e; for candidate in $$PYTHON python3.11 python3.12 python3.13 python3.14 python3 python; do \
		if "$$candidate" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; then found=$$candidate; break; fi; \
	done; \
	test -n "$$found" || { echo "The portal needs Python 3.11 or newer, and none was found. Set PYTHON to one."; exit 1; }; \
	echo "Installing what requirements.txt names into $(VENV) (once)."; \
	test -x $(PY) || "$$found" -m venv $(VENV); \
	$(PY) -m pip install --quiet --quiet --disable-pip-version-check -r requirements.txt
	@touch $@

$(VENV)/test.stamp: $(VENV)/run.stamp requirements-redis.txt tests/requirements.txt
	@echo "Installing what tests/requirements.txt names into $(VENV) (once)."
	@$(PY) -m pip install --quiet --quiet --disable-pip-version-check -r tests/requirements.txt
	@touch $@
