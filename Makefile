# Everything that people and machines do with this project. `make` alone lists it.

PYTHON ?= python3
ARCH ?= arm64
# More than there are cores, because half of a test's time is waiting. Each collects the tests anew, which takes 6 s of processor time.
TEST_WORKERS ?= 8
TESTS ?= test
PYTEST_ARGS ?=
FUZZ_MINUTES ?= 10
FUZZ_MODULES ?=

BIN := .venv/bin
UV := "$(CURDIR)/$(BIN)/uv"
UV_VERSION := $(shell sed -n '/^name = "uv"$$/{n;s/^version = "\(.*\)"$$/\1/p;}' uv.lock)
UV_SYNC := $(UV) sync --frozen --quiet --no-python-downloads --preview-features package-conflicts
BROWSER := PATH="$(CURDIR)/$(BIN):$$PATH" timeout 240 sh scripts/browser.sh
# If Chromium is here or can be installed, its tests may not be skipped; otherwise the last lines say that they were.
WITH_BROWSER := $(BROWSER) && promised=yes || promised=; BACKBURNER_BROWSER=$$promised
# What only the command needs is not part of the layer.
COMMAND_ONLY := click jinja2 rich starlette uvicorn
UV_EXPORT := $(UV) export --frozen --quiet --no-default-groups --no-emit-project --no-annotate --no-header \
	$(COMMAND_ONLY:%=--prune %) \
	--preview-features package-conflicts
REQUIREMENTS := layers/backburner/requirements.txt
ENVIRONMENTS := .venv/.in-step .tools/ministack/.in-step .tools/sam/.in-step

# Thousands of modules are compiled once, when they are installed, rather than by every process that a test starts.
export UV_COMPILE_BYTECODE := 1
unexport PYTHONDONTWRITEBYTECODE

# The linters want a region, but no credentials. SAM's own files stay in the checkout.
export AWS_DEFAULT_REGION ?= eu-central-1
export SAM_CLI_TELEMETRY := 0
export __SAM_CLI_APP_DIR := $(CURDIR)/.build/sam

.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
.NOTPARALLEL:
.PHONY: help setup demo demo-picture browser console-pictures commands up test test-deep soak bench bench-checkers bench-backlog bench-looks bench-money bench-batch bench-documents bench-folder bench-seat bench-console documents-check scans-check rich-documents plant-bugs fuzz fuzz-guided check check-format check-lint check-types check-template \
	check-terraform check-requirements format requirements build-aws package-yandex clean

help: ## List the targets
	@awk 'BEGIN {FS = ":.*## "} /^[a-z-]+:.*## / {printf "  make %-17s %s\n", $$1, $$2}' $(firstword $(MAKEFILE_LIST))

setup: $(ENVIRONMENTS) ## Install everything, into .venv and .tools; quick when nothing has changed

.venv/.in-step: pyproject.toml uv.lock
	@command -v $(PYTHON) >/dev/null || { echo "There is no $(PYTHON). Backburner needs Python 3.11 to 3.14." >&2; exit 1; }
	@$(PYTHON) -c 'import sys; sys.exit(not (3, 11) <= sys.version_info[:2] <= (3, 14))' || { \
		echo "$(PYTHON) is $$($(PYTHON) --version 2>&1). Backburner needs Python 3.11 to 3.14: try 'make setup PYTHON=python3.12'." >&2; exit 1; }
	@test -x $(BIN)/python || $(PYTHON) -m venv .venv
	@$(UV) --version 2>/dev/null | grep -qF 'uv $(UV_VERSION)' || $(BIN)/python -m pip install --quiet 'uv==$(UV_VERSION)'
	$(UV_SYNC)
	@touch $@

.tools/%/.in-step: .venv/.in-step
	UV_PROJECT_ENVIRONMENT=.tools/$* $(UV_SYNC) --python "$(CURDIR)/$(BIN)/python" --only-group $*
	@touch $@

demo: setup ## See it work: the local cloud, a stand-in provider, a few documents
	$(BIN)/backburner demo

demo-picture: setup ## Run the demo and redraw its picture: docs/images/demo.svg
	$(BIN)/python scripts/demo_picture.py

commands: setup ## Write docs/commands.md, the reference of all commands, from the code
	$(BIN)/python scripts/command_reference.py

browser: setup ## Install Chromium for the tests of the console, if this machine can get it
	@$(BROWSER)

console-pictures: setup ## Redraw the pictures of the console in docs/images
	$(BIN)/python scripts/console_pictures.py

up: setup ## Run the local cloud on this machine until Ctrl-C
	@trap : INT; $(BIN)/backburner up || { code=$$?; test $$code -eq 130 || exit $$code; }

test: setup ## Run the tests: every promise, with a fixed selection of its cases if there are many
	$(WITH_BROWSER) $(BIN)/pytest -n $(TEST_WORKERS) $(PYTEST_ARGS)

test-deep: setup ## Run the tests with every history, crash point and example, and measure the branches they take
	$(WITH_BROWSER) $(BIN)/pytest -n $(TEST_WORKERS) --deep --cov --cov-report=term:skip-covered $(PYTEST_ARGS)

soak: setup ## Thousands of jobs under random kills and faults, for minutes; SOAK_ARGS="--jobs 500"
	$(BIN)/python benchmarks/soak.py $(SOAK_ARGS)

bench: .tools/bench/.in-step ## How fast the handlers are, compared with the obvious way and one core's limit; BENCH_ARGS="--jobs 2000"
	.tools/bench/bin/python benchmarks/bench.py $(BENCH_ARGS)

.tools/bench/.in-step: .venv/.in-step
	UV_PROJECT_ENVIRONMENT=.tools/bench $(UV_SYNC) --python "$(CURDIR)/$(BIN)/python" --group bench
	@touch $@

bench-checkers: .tools/bench/.in-step ## Several checkers on the same queues: how fast, with nothing lost or done twice; BENCH_ARGS="--jobs 10000 100000 --checkers 1 4"
	.tools/bench/bin/python benchmarks/checkers.py $(BENCH_ARGS)

bench-backlog: .tools/bench/.in-step ## How fast a full stack's backlog of 10,000 documents is drained, and whether the limit holds; BENCH_ARGS="--documents 2000"
	.tools/bench/bin/python benchmarks/backlog.py $(BENCH_ARGS)

bench-looks: setup ## How often and how late running generations are looked at, in virtual time; BENCH_ARGS="--generations 300"
	$(BIN)/python benchmarks/when_to_look.py $(BENCH_ARGS)

bench-money: setup ## What 1,000 documents cost besides the model; FIGURES=figures.json, as written by `make bench BENCH_ARGS="--json figures.json"`
	$(BIN)/python benchmarks/money.py --figures "$(FIGURES)"

bench-batch: setup ## One batch of 50,000 lines: seconds, memory, calls per line; BENCH_ARGS="--lines 2000"
	$(BIN)/python benchmarks/batch.py $(BENCH_ARGS)

bench-documents: setup ## How fast documents are read and cut, compared with the libraries alone; BENCH_ARGS="--paragraphs 8000"
	$(BIN)/python benchmarks/documents.py $(BENCH_ARGS)

bench-folder: setup ## `backburner run` over 3,000 documents, killed five times; BENCH_ARGS="--documents 300"
	$(BIN)/python benchmarks/folder.py $(BENCH_ARGS)

bench-console: setup ## The console over 100,000 jobs: first list, filters, memory; BENCH_ARGS="--jobs 10000"
	$(BIN)/python benchmarks/console.py $(BENCH_ARGS)

bench-seat: setup ## `--help` compared with a bare interpreter; `jobs` and `watch` over 100,000 jobs: first paint, filters, memory; BENCH_ARGS="--jobs 20000"
	$(BIN)/python benchmarks/seat.py $(BENCH_ARGS)

scans-check: .tools/scans/.in-step ## Let an OCR engine read scans as they would be sent to a model; SCANS_ARGS="--sides 1568"
	.tools/scans/bin/python benchmarks/scans_check.py $(SCANS_ARGS)

.tools/scans/.in-step: .venv/.in-step
	UV_PROJECT_ENVIRONMENT=.tools/scans $(UV_SYNC) --python "$(CURDIR)/$(BIN)/python" --group scans
	@touch $@

documents-check: setup ## Compare our readers with independent ones on a folder of files; DIR=~/archive
	@test -n "$(DIR)" || { echo "Name the folder: make documents-check DIR=~/archive" >&2; exit 2; }
	$(BIN)/python benchmarks/documents_check.py "$(DIR)"

rich-documents: setup ## Regenerate the tests' rich document in every format; needs LibreOffice
	@command -v soffice >/dev/null || { echo "LibreOffice is not here: apt-get install libreoffice fonts-wqy-zenhei" >&2; exit 1; }
	cd tests && ../$(BIN)/python -m extraction.rich

plant-bugs: setup ## Plant twelve classic bugs, one at a time, and see which test catches each
	$(BIN)/python scripts/plant_bugs.py

fuzz: setup ## Fuzz each module of tests/fuzz for FUZZ_MINUTES (10); FUZZ_MODULES="lines keys" for some of them
	$(BIN)/python scripts/fuzz.py --minutes $(FUZZ_MINUTES) $(FUZZ_MODULES)

fuzz-guided: .tools/fuzz/.in-step ## The same, guided by coverage (atheris; Linux on x86_64)
	.tools/fuzz/bin/python scripts/fuzz_guided.py --minutes $(FUZZ_MINUTES) $(FUZZ_MODULES)

.tools/fuzz/.in-step: .venv/.in-step
	UV_PROJECT_ENVIRONMENT=.tools/fuzz $(UV_SYNC) --python "$(CURDIR)/$(BIN)/python" --group fuzz
	@touch $@

# The tests come last, so that their summary ends the output. TESTS=test-deep includes everything that `test` does.
check: setup check-format check-lint check-types check-template check-terraform check-requirements $(TESTS) ## Everything that must hold before a merge

check-format: setup
	$(BIN)/ruff format --check .

check-lint: setup
	$(BIN)/ruff check .

# The scripts are not in packages: they are checked as `make` runs them.
check-types: setup
	$(BIN)/mypy
	MYPYPATH=layers/backburner:cli:docs:tests:benchmarks $(BIN)/mypy --namespace-packages --explicit-package-bases \
		--follow-imports=silent benchmarks scripts

check-template: setup
	$(BIN)/cfn-lint template.yaml
	.tools/sam/bin/sam validate --lint --template template.yaml

# tests/yandex checks what Terraform's provider would check, and needs neither.
check-terraform:
	@if command -v terraform >/dev/null; then terraform fmt -check -diff -recursive deploy/yandex; \
	else echo "check-terraform skipped: terraform is not on this machine, so the format of deploy/yandex was not checked."; fi

check-requirements: setup
	@$(UV_EXPORT) | cmp -s - $(REQUIREMENTS) || { \
		echo "$(REQUIREMENTS) is not what uv.lock says: run 'make requirements'." >&2; exit 1; }

format: setup ## Format the code and fix what the linter can
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .
	@if command -v terraform >/dev/null; then terraform fmt -recursive deploy/yandex; fi

requirements: setup ## Regenerate the layer's requirements.txt from uv.lock
	$(UV_EXPORT) --output-file $(REQUIREMENTS) >/dev/null

build-aws: setup ## Build for AWS into .aws-sam; ARCH=arm64 (default) or x86_64, as the parameter Architecture
	ARCH=$(ARCH) UV=$(UV) .tools/sam/bin/sam build --template template.yaml --parameter-overrides Architecture=$(ARCH)

package-yandex: setup ## Build the zip for Yandex Cloud Functions into dist/
	$(BIN)/python -m backburner_cli.local.yandex.bundle dist/backburner-yandex.zip

clean: ## Remove everything that was built; the environments stay
	rm -rf .aws-sam .build .coverage* dist .hypothesis .mypy_cache .pytest_cache .ruff_cache
	find . \( -path ./.venv -o -path ./.tools -o -path ./.git \) -prune -o -name __pycache__ -type d -exec rm -rf {} +
