# `make help` lists what is here. Nothing is installed outside .venv.
.DEFAULT_GOAL := help
SHELL := /bin/sh
BIN := .venv/bin
# Tests start real servers and wait for them, a fifth of the time and more: two workers more than
# cores. More than this only wait for each other. Each begins with a stretch of neighbouring tests,
# which share what they start, and takes from the others' when it is through (`worksteal`).
WORKERS ?= $(shell n=$$(getconf _NPROCESSORS_ONLN 2>/dev/null || echo 2); [ $$n -gt 3 ] && n=3; echo $$((n + 2)))
HELM ?= $(shell [ -x $(BIN)/helm4 ] && echo $(BIN)/helm4 || echo helm)
# Without bytecode each start of a function costs half a second more.
unexport PYTHONDONTWRITEBYTECODE

.PHONY: help dev test lint format typecheck soak bench bench-peers bench-soak lock images test-images sbom chart chart-package clean

help: ## List the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  make %-14s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

dev: .venv/.installed-dev ## Run all of Relay on this machine (Ctrl-C stops it); `relayctl dev -h` lists its options
	@$(BIN)/relayctl dev

test: .venv/.installed-test lint typecheck ## Lint, check types and imports, run all tests but the long ones
	$(BIN)/pytest -n $(WORKERS) --dist worksteal -m "not soak and not images" --durations=30 --junitxml=dist/tests.xml

lint: .venv/.installed-test ## Check style and import directions
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/lint-imports

format: .venv/.installed-test ## Put the code into the one format
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

typecheck: .venv/.installed-test ## Check types
	$(BIN)/mypy

soak: .venv/.installed-test ## Run the long tests: load, faults, restarts, new random examples
	$(BIN)/pytest -m "soak or hypothesis" --hypothesis-profile=searching --timeout=3600
	$(BIN)/pytest -p schemathesis.pytest.plugin tests/contract/boundaries_of_admin_openapi.py --timeout=3600

bench: .venv/.installed-test ## Measure relay beside bare asyncio and nginx; write docs/performance.md
	$(BIN)/python -m benchmarks $(BENCH)

bench-peers: .venv/.installed-test ## The same beside Envoy, ferrogw, Portkey and LiteLLM
	$(BIN)/python -m benchmarks --peers $(BENCH)

bench-soak: .venv/.installed-test ## Whether relay's memory grows in MINUTES (30) of load
	$(BIN)/python -m benchmarks soak --minutes $(or $(MINUTES),30)

images: ## Build the images with docker; images/build says what can be set
	images/build relay

test-images: .venv/.installed-test ## Build the images, check them, run the whole stack from them
	$(BIN)/pytest tests/images -m images --timeout=900 -s

sbom: .venv/.installed-test ## Write dist/relay.cdx.json: what the image carries, as CycloneDX
	@mkdir -p dist
	@$(BIN)/python images/sbom.py --lock requirements/runtime.txt --environment .venv --locked-only >dist/relay.cdx.json
	@echo "dist/relay.cdx.json"

lock: ## Recompile the hash-locked requirements from pyproject.toml (needs uv)
	uv pip compile -q --universal --generate-hashes --python-version 3.11 --no-header pyproject.toml --extra redaction --extra notifications -o requirements/runtime.txt
	uv pip compile -q --universal --generate-hashes --python-version 3.11 --no-header pyproject.toml --extra redaction --extra notifications --extra pii -c requirements/runtime.txt -o requirements/pii.txt
	uv pip compile -q --universal --generate-hashes --python-version 3.11 --no-header pyproject.toml --extra redaction --extra notifications --extra dev -c requirements/runtime.txt -o requirements/dev.txt
	uv pip compile -q --universal --generate-hashes --python-version 3.11 --no-header pyproject.toml --extra redaction --extra notifications --extra pii --extra dev --extra test -c requirements/dev.txt -c requirements/pii.txt -o requirements/test.txt
	echo hatchling | uv pip compile -q --universal --generate-hashes --python-version 3.11 --no-header - -c requirements/dev.txt -o requirements/build.txt

chart: .venv/.installed-test ## Make what follows from the chart's values: schema, tables, defaults
	$(BIN)/python scripts/chart.py

chart-package: chart ## Package the chart into dist/charts, with an index to serve it by
	mkdir -p dist/charts
	$(HELM) dependency build helm/relay
	$(HELM) package helm/relay --destination dist/charts
	$(HELM) repo index dist/charts

clean: ## Remove the virtual environment and caches; .relay, the state of `make dev`, stays
	rm -rf .venv .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache dist
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

.venv/.installed-dev: requirements/dev.txt pyproject.toml scripts/install
	@scripts/install dev

.venv/.installed-test: requirements/test.txt requirements/helm.txt pyproject.toml scripts/install
	@scripts/install test
