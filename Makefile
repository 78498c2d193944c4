# `make` alone lists what there is.
.DEFAULT_GOAL := help
SHELL := bash
.SHELLFLAGS := -euo pipefail -c
MAKEFLAGS += --no-builtin-rules

# The developers' tools have a go.mod of their own; the product doesn't depend on them.
TOOL := go tool -modfile=tools/go.mod
FUZZTIME ?= 30s

# One after the other, even with -j, so that people can read the output.
.NOTPARALLEL:
.PHONY: help run dev build test check fmt fmt-check lint prose vuln needs clients bench fuzz docs clean

help: ## list the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## /{printf "  make %-8s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

run: ## start Keyporter with example data; needs only Go
	@tools/build .cache/run/keyporter
	@.cache/run/keyporter demo

dev: ## the same, rebuilt and restarted on every change; keeps its data
	@tools/dev

build: ## build bin/keyporter, a static binary
	CGO_ENABLED=0 go build -trimpath -o bin/ ./cmd/keyporter

test: ## everything that CI runs; installs what is missing
	@go build -o .cache/suite ./keyportertest/suite
	@.cache/suite $(CHECKS)

CHECKS := fmt-check lint prose vuln
check: $(CHECKS) ## everything that runs no code: format, lint, prose, known vulnerabilities

bench: ## measure what the check, the proxy, introspection, the token endpoint, and pages cost
	go run ./cmd/keyporter-bench
	go test -count=1 -v -run TestHowLongADisableTakes ./verify
	PAGES_USERS=100000 go test -count=1 -v -run TestPagesOfALargeOrganization ./console
	PAGES_TOKENS=50000 go test -count=1 -v -run TestPagesOfManyTokens ./console

fuzz: ## run each fuzz target for FUZZTIME, one after the other
	@go test -list '^Fuzz' ./... | awk '/^Fuzz/{f[n++]=$$1} /^ok/{for(i=0;i<n;i++)print $$2,f[i]; n=0}' | \
	while read -r package target; do \
	  echo "== $$target of $$package"; \
	  go test -run '^$$' -fuzz "^$$target\$$" -fuzztime $(FUZZTIME) "$$package" </dev/null; \
	done

docs: ## regenerate the generated files
	go generate ./...

fmt: ## format all Go files
	$(TOOL) gofumpt -w .

clean: ## remove what was built and fetched
	rm -rf bin .cache

# The parts of test and check.

needs:
	@echo "== needs"
	@tools/needs

fmt-check:
	@echo "== format (gofumpt)"
	@differ=$$($(TOOL) gofumpt -l .); [[ -z $$differ ]] || \
	{ echo "make fmt would change:"; echo "$$differ"; exit 1; }

# With go vet's own checks in it.
lint:
	@echo "== lint (golangci-lint)"
	@$(TOOL) golangci-lint run --allow-parallel-runners

# Vale checks documents and templates; TestSentencesInGoArePlainEnglish checks Go strings by the same rules.
prose:
	@echo "== prose (vale)"
	@tools/prose

vuln:
	@echo "== known vulnerabilities (govulncheck)"
	@tools/vulncheck

# Other people's OAuth clients are in a module of their own, to keep their dependencies out of the product's.
clients:
	@echo "== other people's OAuth clients"
	@cd oauth/clients && go tool -modfile=../../tools/go.mod golangci-lint run --allow-parallel-runners --disable gomoddirectives # its replace is meant
	@go -C oauth/clients test -count=1 -timeout 10m ./...
