# One command for each thing a developer does. `make help` lists them.
PYTHON ?= python3
BIN := .venv/bin
READY := .venv/.ready
COMPILED := .venv/.compiled
HOT = $(shell $(PYTHON) ops/compile.py --sources)

.DEFAULT_GOAL := help
.PHONY: help demo run test check fast format soak bench bench-kafka chaos compiled interpreted kafka kafka-clean publish lock clean

help: ## this list
	@grep -E '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | awk -F ':.*## ' '{printf "  make %-11s %s\n", $$1, $$2}'

$(READY): requirements.lock pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
	  { echo "Tierline needs Python 3.11 or newer; this is $$($(PYTHON) --version). Try: make PYTHON=python3.12 …"; exit 1; }
	@echo "Setting up .venv (once; a minute or so) …"
	@$(PYTHON) -m venv .venv
	@$(BIN)/python -m pip install --quiet --require-hashes -r requirements.lock
	@$(BIN)/python -m pip install --quiet --no-deps --no-build-isolation --editable .
	@touch $@

$(COMPILED): $(READY) ops/compile.py $(HOT)
	@touch $@.begun && $(BIN)/python ops/compile.py && mv $@.begun $@

demo: $(COMPILED) ## a market through the whole system, in under a minute; ARGS="--data DIR" for real companies
	@$(BIN)/tierline demo $(ARGS)

run: $(COMPILED) ## the worker, on ./tierline.db and ./profiles (or TIERLINE_* variables)
	@$(BIN)/tierline run

test: check $(COMPILED) ## everything that CI runs
	$(BIN)/python -m pytest -n 3 --dist worksteal

check: $(READY) ## style, types, architecture, published schemas
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/python -m schemas.publish --check

fast: $(COMPILED) ## the tests that take seconds
	$(BIN)/python -m pytest -n 2 -m "not slow"

compiled: $(COMPILED) ## the scoring as machine code, where it is behind its source

interpreted: $(READY) ## the scoring as it is written again, to look into with a debugger
	@$(BIN)/python ops/compile.py --clean
	@touch $(COMPILED)

format: $(READY) ## mend what can be mended
	$(BIN)/ruff check --fix .

soak: $(COMPILED) ## properties with many more examples, and hundreds of kills
	TIERLINE_SOAK=1 KILLS=300 ROUNDS=50000 $(BIN)/python -m pytest -n 2 tests/scoring tests/worker/test_kill.py \
	  tests/delivery/test_histories.py tests/delivery/test_kill.py --timeout 7200

bench: $(COMPILED) ## decode, step, crossing, encode, in multiples of reading JSON; ARGS="--fast", ARGS="--write"
	@$(BIN)/python -m ops.bench.micro $(ARGS)

chaos: $(COMPILED) ## on Kafka: hundreds of kills of workers and brokers, lost disks; 40 minutes, then the figures
	CHAOS=1 KILLS=$(or $(KILLS),40) KAFKA_TESTS=required timeout 5400 $(BIN)/python -m pytest -n 2 --dist worksteal \
	  --timeout 2400 tests/kafka tests/transports/test_rocks.py

bench-kafka: $(COMPILED) ## beside Quix Streams, stock Faust and a loop by hand, on a Kafka of its own; ARGS="--rounds 1"
	@$(BIN)/python -m ops.bench.compare --write $(ARGS)

kafka: $(READY) ## a Kafka broker of your own, until Ctrl-C; `make kafka-clean` forgets its records
	@$(BIN)/python -m ops.kafka

kafka-clean:
	rm -rf .kafka/data

publish: $(READY) ## write the generated JSON Schemas
	$(BIN)/python -m schemas.publish

lock: $(READY) ## pin the dependencies anew
	$(BIN)/python -m pip install --quiet uv
	$(BIN)/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --group dev --no-emit-index-url \
	  --no-emit-find-links --no-header pyproject.toml -o requirements.lock

clean: ## remove what was built
	$(PYTHON) ops/compile.py --clean
	rm -rf .venv .mypy_cache .ruff_cache .pytest_cache .hypothesis tierline-demo
