# Two commands set everything up: `make demo` to look, `make test` to prove.

SHELL := /bin/sh
CACHE := $(or $(SCHLEUSE_CACHE),$(or $(XDG_CACHE_HOME),$(HOME)/.cache)/schleuse)
LINT_VERSION := v2.15.0
LINT := $(CACHE)/tools/golangci-lint-$(LINT_VERSION)

IMAGE ?= localhost/schleuse

.PHONY: image help demo test check bench mutants

help: ## show what there is
	@sed -n 's/^\([a-z]*\):.*## /  make \1\t/p' $(MAKEFILE_LIST)

demo: ## the whole way in on one machine: Keycloak, gate, WebCenter; Ctrl-C ends it
	@echo "building the demo (about a minute the first time) …" >&2
	@mkdir -p bin && go build -o bin/demo ./e2e/cmd/demo
	@exec bin/demo

test: ## install what is missing, then prove everything
	@sh e2e/install.sh
	@test -z "$$(gofmt -l sidecar extensions charts e2e)" || { echo "not gofmt'd:"; gofmt -l sidecar extensions charts e2e; exit 1; }
	go vet ./...
	go test $$(go list ./... | grep -v '/e2e')
	sh e2e/test.sh

check: $(LINT) ## the linter, as strict as STYLE asks
	$(LINT) run ./...

bench: ## what gate and proxy cost beside a bare reverse proxy, approvals beside bare commits (about ten minutes)
	@go run ./e2e/cmd/bench

mutants: ## take each rule of the gate out and expect the tests to notice
	@go run ./e2e/cmd/mutants
	@go run ./e2e/attack/mutants

$(LINT):
	@echo "building golangci-lint $(LINT_VERSION) (once, about two minutes) …"
	@mkdir -p $(CACHE)/tools
	@GOBIN=$(CACHE)/tools/.new go install github.com/golangci/golangci-lint/v2/cmd/golangci-lint@$(LINT_VERSION)
	@mv $(CACHE)/tools/.new/golangci-lint $@

image: ## build the image with buildah, podman or docker; IMAGE names it
	@sh sidecar/image/build.sh $(IMAGE)
