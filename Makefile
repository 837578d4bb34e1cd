# Two commands do everything on a machine with Go and gcc: `make run` and `make test`.
SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help

VERSION ?= $(shell git describe --tags --always --dirty 2>/dev/null || echo dev)
BUILT_AT := $(shell date -u +%Y-%m-%dT%H:%M:%SZ)
LDFLAGS := -s -w -X main.version=$(VERSION) -X main.builtAt=$(BUILT_AT)
LINT := .cache/bin/golangci-lint
S3_SERVER := .cache/bin/versitygw

# The examples are tested as well, or the run fails.
test: export WAYSTATION_TEST_ALL := 1

# The SQLite driver is C.
export CGO_ENABLED := 1

# Which tests `make test` runs, and how long they may take together.
PKGS ?= ./...
TEST_TIMEOUT ?= 40m

.PHONY: help
help: ## Show this list
	@awk -F ':.*## ' '/^[a-z]+:.*## / { printf "  make %-9s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

.PHONY: build
build: ## Build bin/waystation
	go build -buildvcs=false -trimpath -buildmode=pie -ldflags '$(LDFLAGS)' -o bin/waystation ./server

.PHONY: run
run: build ## Start with SQLite, the simulated network and a paired demo session
	./bin/waystation -sandbox -demo -data-dir .cache/demo

.PHONY: check
check: lint ## Before each commit: style, rules, and the tests that need neither servers nor more than seconds
	@echo "== go test -short"
	go test -short -timeout $(TEST_TIMEOUT) $(PKGS)

.PHONY: test
test: setup lint $(S3_SERVER) ## Install what is missing, lint, vet, run every test, load tests in a short form
	@echo "== go vet"
	go vet $(PKGS)
	@echo "== modules of their own"
	cd server/rest/openapicheck && go test -count=1 ./...
	cd server/metrics/expfmtcheck && go test -count=1 ./...
	cd transports/publisher/natscheck && go test -count=1 ./...
	@echo "== go test"
	GORACE=suppressions=$(CURDIR)/.ci/race-suppressions go test -race -shuffle=on -count=1 -timeout $(TEST_TIMEOUT) $(PKGS)
	@echo "== tests that measure speed, without the race detector"
	@$(MAKE) --no-print-directory speed

# Tests that the race detector would slow down: budgets of memory and allocations, latencies, rates beside bare clients.
.PHONY: speed
speed:
	go test -v -count=1 -timeout $(TEST_TIMEOUT) -run 'Throughput' ./bridge
	go test -v -count=1 -timeout $(TEST_TIMEOUT) -run 'Reconnects|Budget' ./server/socket
	go test -v -count=1 -timeout $(TEST_TIMEOUT) -run 'Latency' ./server/e2e/chaos
	go test -v -count=1 -timeout $(TEST_TIMEOUT) -run 'Throughput' ./server
	go test -v -count=1 -p 1 -timeout $(TEST_TIMEOUT) -run 'Throughput' ./transports/redis ./transports/amqp ./transports/webhook
	go test -count=1 -run 'Budget' ./transports/journal

.PHONY: load
load: export WAYSTATION_LOAD := 1
load: export WAYSTATION_TEST_ALL := 1
load: setup $(S3_SERVER) ## Load tests at full size, before a release: 20,000 messages both ways, 10,000 reconnects, chaos, a soak
	@echo "== load tests, some twenty minutes"
	go test -v -count=1 -timeout $(TEST_TIMEOUT) -run 'TwoWay|CutDatabase' ./bridge
	go test -v -count=1 -timeout $(TEST_TIMEOUT) -run 'Resume|Soak|StalledClient' ./server/socket
	go test -v -count=1 -timeout $(TEST_TIMEOUT) -run 'Webhook|GlobalTransports|KilledPostgres|AutomaticMessages' ./server/e2e/chaos
	go test -v -count=1 -timeout $(TEST_TIMEOUT) -run 'SkipFlags|RESTBesideJSONRPC' ./server
	@$(MAKE) --no-print-directory speed

.PHONY: setup
setup: ## Install what the tests need
	@.ci/setup

.PHONY: lint
lint: $(LINT) ## Check style and the import rules
	@echo "== golangci-lint"
	$(LINT) run ./...
	@echo "== licences of the modules"
	cd .ci/licenses && go vet . && go test -count=1 . && go run . -check
	@echo "== wording"
	cd .ci/prose && go vet . && go test -count=1 . && go run . -check limits.txt ../..

.PHONY: generate
generate: ## Write all that is made from the code: expected documents, recorded calls of the dialects, documentation
	go generate ./rpc/... ./server/...
	@$(MAKE) --no-print-directory docs

.PHONY: docs
docs: ## Write the generated pages and sections of the documentation
	go generate ./docs/...

.PHONY: licenses
licenses: ## Write docs/licenses.md and the licence texts that binaries carry
	cd .ci/licenses && go run .

.PHONY: fmt
fmt: $(LINT) ## Format the Go code
	$(LINT) fmt ./...

.PHONY: bench
bench: ## Run the benchmarks, without the tests, and the comparison with other servers
	@echo "== memory of an idle connection, in a process of its own"
	go test -run '^$$' -bench Idle -benchtime 1x -count 3 ./server/socket
	@echo "== benchmarks"
	go test -run '^$$' -bench . -benchmem -timeout $(TEST_TIMEOUT) $(PKGS)
	@echo "== beside other servers, medians of one run"
	cd server/socket/comparison && go test -v -count=1 ./...
	@echo "== REST beside JSON-RPC, medians of one run"
	WAYSTATION_LOAD=1 go test -v -count=1 -run RESTBesideJSONRPC ./server
	@echo "== reconnects and end to end"
	WAYSTATION_LOAD=1 go test -v -count=1 -run Reconnects ./server/socket
	WAYSTATION_LOAD=1 go test -v -count=1 -run Latency ./server/e2e/chaos

.PHONY: clean
clean: ## Remove what was built, the demo's data and the tools
	rm -rf bin .cache examples/*/node_modules transports/brokertest/testdata/*/node_modules

# Rebuilt when the module that pins it changes.
$(LINT): .ci/tools/go.mod .ci/tools/go.sum
	@echo "== building golangci-lint (some minutes, once)"
	@mkdir -p $(@D)
	cd .ci/tools && go build -buildvcs=false -o $(abspath $(LINT)) github.com/golangci/golangci-lint/v2/cmd/golangci-lint
	@touch $(LINT)

$(S3_SERVER): .ci/versitygw/go.mod .ci/versitygw/go.sum
	@echo "== building versitygw, an S3 server for tests (a minute or two, once)"
	@mkdir -p $(@D)
	cd .ci/versitygw && go build -buildvcs=false -o $(abspath $(S3_SERVER)) github.com/versity/versitygw/cmd/versitygw
	@touch $(S3_SERVER)
