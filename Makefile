# Two commands set up a fresh machine: `make demo` and `make test`.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
USABLE := $(VENV)/.usable
READY := $(VENV)/.ready
INSTALL := $(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt

.PHONY: install setup demo test test-lengthy test-float32 test-postgres test-pages lint docs clean

install: $(USABLE)

setup: $(READY)

# What is needed to use gestalt-space.
$(USABLE): pyproject.toml constraints.txt
	$(PYTHON) -c 'import sys; sys.exit("Python 3.11 or newer is needed") if sys.version_info < (3, 11) else None'
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	@echo "Installing gestalt-space into $(VENV); this takes a minute or two."
	$(INSTALL) -e '.[phenotype,service]'
	touch $(USABLE)

# And what is needed to work on it: tests, lints, training.
$(READY): $(USABLE)
	@echo "Installing what tests and training need; this takes a minute or two."
	$(INSTALL) -e '.[dev]'
	# It asks for faiss-cpu, whose files are those of faiss-gpu: without what it asks for.
	$(INSTALL) --no-deps milvus-lite
	touch $(READY)

demo: $(USABLE)
	$(BIN)/gestalt demo --overwrite

# A worker has a core. Threads of libraries beyond that would wait for each other, and spin.
test test-lengthy test-float32: export OMP_NUM_THREADS := 1
test test-lengthy test-float32: export OPENBLAS_NUM_THREADS := 1
test test-lengthy test-float32: export OPENCV_FOR_THREADS_NUM := 1
# Where the environment forbids compiled files, each worker and each process of a test compiles all anew.
test test-lengthy test-float32: export PYTHONDONTWRITEBYTECODE :=
test: setup
	$(BIN)/python -m pytest --numprocesses auto --dist worksteal

# Ray clusters, search engines, and what takes tens of seconds.
test-lengthy: setup
	$(BIN)/python -m pytest -m lengthy --numprocesses auto --dist worksteal

# What rests on the numbers that a processor can compute with, as on one that has nothing but float32.
test-float32: setup
	$(BIN)/python -m pytest --machine float32 --numprocesses auto --dist worksteal \
		$(addprefix tests/,classifiers cohort encoders evaluation index match ranking training)

# Store, gallery and matches once more on a PostgreSQL server: $GESTALT_TEST_POSTGRES_URL, or one that
# is started for the run from Debian's programs.
test-postgres: setup
	$(BIN)/python -m pytest --database postgresql --numprocesses auto \
		--dist worksteal tests/store tests/gallery tests/match tests/cli/test_postgres.py

# Pages in Chromium, without a network, and the service as a process, also behind nginx. Skipped where
# there is no Chromium, or no nginx.
test-pages: setup
	$(BIN)/python -m pytest -m browser tests/pages tests/service

lint: setup
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy gestalt_space cli migrations recipes

docs: setup
	$(BIN)/python -m gestalt_cli.reference docs/commands.md
	$(BIN)/python -m gestalt_space.documents docs/schemas
	$(BIN)/python -m sphinx --quiet --fail-on-warning --keep-going --fresh-env \
		--doctree-dir build/doctrees docs build/docs
	@echo "The site is in build/docs/index.html."

clean:
	rm -rf $(VENV) build dist *.egg-info .mypy_cache .ruff_cache .pytest_cache .hypothesis
