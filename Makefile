# What a person runs. `make help` lists it.

SHELL := bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
MAKEFLAGS += --no-builtin-rules --no-print-directory

# One folder for everything that cargo builds, also where cargo's own configuration names another.
export CARGO_TARGET_DIR := $(abspath $(or $(CARGO_TARGET_DIR),target))
# The program that end-to-end and interoperability tests start.
export NEXUS_BIN := $(CARGO_TARGET_DIR)/debug/nexus
LOCKED := $(if $(CI),--locked)
# Debian keeps servers where an ordinary user's PATH does not look.
export PATH := $(PATH):/usr/local/sbin:/usr/sbin:/sbin

web_sources := $(shell find web \( -name node_modules -o -name dist -o -name test-results \) -prune -o -type f \
	! -name openapi.json ! -name schema.d.ts ! -name '*.tsbuildinfo' -print 2>/dev/null)

##@ Everyday

.PHONY: help
help: ## Show this list
	@awk 'BEGIN {FS = ":.*## "} /^##@/ {printf "\n%s\n", substr($$0, 5)} /^[a-z%-]+:.*## / {printf "  make %-18s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

.PHONY: up
up: build-tools web ## Build what is missing and run the whole system here (ARGS="--data DIR --listen ADDR")
	@scripts/offer-ffmpeg.sh
	@exec "$(NEXUS_BIN)" up $(ARGS)

.PHONY: test
test: test-tools web ## Install and start what tests need, where missing, and run every test
	@scripts/test.sh

.PHONY: lint
lint: lint-tools web-tools ## Check formatting, clippy, dependencies, the console's types and the scripts
	@scripts/lint.sh

.PHONY: fmt
fmt: ## Format the Rust code
	cargo fmt --all

.PHONY: bench
bench: build-tools ## Run every benchmark of bench/
	@scripts/each.sh bench

.PHONY: clean
clean: ## Remove what was built and stop the test services that were started; data/ stays
	scripts/test-services.sh stop
	cargo clean
	rm -rf web/dist web/node_modules web/openapi.json web/src/api/schema.d.ts

##@ Parts

.PHONY: build
build: build-tools $(NEXUS_BIN) ## Build the program for development; it reads the console from web/dist

.PHONY: web
web: build-tools web/dist/index.html ## Build the console

.PHONY: release
release: web ## Build the optimised program with the console inside: target/release/nexus
	cargo build $(LOCKED) --release -p nexus

.PHONY: interop
interop: test-tools web ## Run every third-party client of tests/interop against the system
	@scripts/each.sh tests/interop

.PHONY: deploy-check
deploy-check: lint-tools $(NEXUS_BIN) ## Check the files of deploy/ against schemas, services.toml and the programs that read them
	@deploy/check.sh

.PHONY: deploy-test
deploy-test: test-tools web ## Run the system behind nginx, as its image would, and the commands of docs/operations
	@scripts/each.sh tests/deploy

.PHONY: interop-%
interop-%: test-tools web ## Run the third-party clients of one service
	@scripts/each.sh tests/interop $*

.PHONY: faults
faults: test-tools ## Kill processes, lose servers, fill disks, move clocks, cut networks, and check that nothing is lost or done twice (FAULTS_KILLS=200)
	@FAULTS_KILLS=$(or $(FAULTS_KILLS),200) cargo nextest run $(LOCKED) --profile faults --workspace -E 'package(nexus-faults)' --no-capture

.PHONY: advisories
advisories: lint-tools ## Check dependencies against the advisory database, which needs a network
	cargo deny check advisories

.PHONY: services
services: test-tools ## Start the PostgreSQL, Redis and NATS that tests use, where they are missing
	@scripts/test-services.sh start

.PHONY: build-tools test-tools lint-tools
build-tools:
	@scripts/tools.sh build
test-tools:
	@scripts/tools.sh build test
lint-tools:
	@scripts/tools.sh build lint

# Cargo knows what is out of date; it touches the program only when it links it anew.
.PHONY: FORCE
$(NEXUS_BIN): FORCE
	cargo build $(LOCKED) -p nexus

# Changes only when the API does, so that the console is built anew only then.
web/openapi.json: $(NEXUS_BIN)
	@"$(NEXUS_BIN)" openapi > "$(CARGO_TARGET_DIR)/openapi.json"
	@cmp -s "$(CARGO_TARGET_DIR)/openapi.json" $@ || cp "$(CARGO_TARGET_DIR)/openapi.json" $@

# npm writes this file when it is done.
web/node_modules/.package-lock.json: web/package-lock.json web/package.json
	cd web && npm ci --no-audit --no-fund
	@touch $@

.PHONY: web-tools
web-tools: web/openapi.json web/node_modules/.package-lock.json

web/dist/index.html: web/openapi.json web/node_modules/.package-lock.json $(web_sources)
	cd web && npm run build
	@touch $@
