# Baton's chores, one target each. `make` alone lists them.

SWIFT ?= swift
PREFIX ?= /usr/local
BENCH ?=

# make example, make example-many: which one, handover or train-and-deploy
EXAMPLE ?= train-and-deploy

# make certs: where to, the app, its works, and the names by which agents dial the relay
DIR ?= credentials
APP ?= demo
WORKS ?= trainer deploy
HOSTS ?= localhost 127.0.0.1

# make soak: at how many moments each process is killed, where the moments come from, how long sources are rewritten
MOMENTS ?= 500
SEED := $(or $(SEED),$(shell od -An -N4 -tu4 /dev/urandom | tr -d ' '))
SECONDS ?= 600

# make sanitize: with which sanitizers
SANITIZE ?= thread address

# make sanitize: which tests (a regular expression); make conformance: the cases of which rule, or with what in their name or file
FILTER ?=

# make fuzz: which of the targets of Tests/Fuzzing, all of them if it is empty; it runs for SECONDS in all
TARGET ?=

# One release build serves demo, examples, bench and install: the Swift and C++ runtimes are linked in, so that the programs need
# libssl and the C library and nothing else. The linker takes libstdc++ from a directory that holds only the static one.
STATIC := .build/static
RELEASE := --configuration release --static-swift-stdlib -Xlinker -L$(CURDIR)/$(STATIC) \
	-Xswiftc -Xclang-linker -Xswiftc -static-libgcc
RELEASE_BIN = $(shell $(SWIFT) build $(RELEASE) --show-bin-path)

FORMAT_OPTIONS := --configuration .swift-format --recursive --parallel
SWIFT_FILES := Sources Tests Examples Scripts Package.swift

.DEFAULT_GOAL := help
.PHONY: help demo example example-many test soak build release certs bench lint format interface checks docs install clean sanitize fuzz fuzz-coverage conformance

help: ## List the targets
	@sed -n 's/^\([a-z-]*\):[^#]*## \(.*\)/  make \1\t\2/p' Makefile | expand -t 18

demo: release ## Two works hand over a checkpoint directory through a relay, on this machine
	@Scripts/require run
	@Scripts/demo $(RELEASE_BIN)

example: release ## A flow of two works, one of which trains a model, in one process (EXAMPLE=handover: without one)
	@Scripts/require run
	@Scripts/example $(RELEASE_BIN) $(EXAMPLE)

example-many: release ## The same as a relay, two works and a flow: processes with certificates of their own
	@Scripts/require run
	@Scripts/example $(RELEASE_BIN) $(EXAMPLE) --many

test: build ## Run all tests
	@Scripts/require run test
	@Scripts/test

conformance: release ## Check relay and agent against the cases and vectors of the protocol (FILTER=rule, case or file)
	@Scripts/require run
	@Scripts/conformance $(RELEASE_BIN) $(if $(FILTER),--filter '$(FILTER)')

soak: build ## Kill processes at random moments and rewrite sources for long (MOMENTS=, SEED=, SECONDS=)
	@Scripts/require run
	BATON_KILL_MOMENTS=$(MOMENTS) BATON_KILL_SEED=$(SEED) BATON_REWRITE_SECONDS=$(SECONDS) \
		$(SWIFT) test --skip-build --filter 'IntegrationTests\.(KillTests|PersistKillTests|RewritingTests)'

sanitize: ## Run the tests with the thread and the address sanitizer in them and in the programs (SANITIZE=thread, FILTER=)
	@Scripts/require build run
	@for sanitizer in $(SANITIZE); do Scripts/sanitize $$sanitizer '$(FILTER)' || exit; done

fuzz: ## Fuzz what takes bytes from outside, guided by coverage, under the address sanitizer (SECONDS=, TARGET=)
	@Scripts/require build fuzz
	@Scripts/fuzz run --seconds $(SECONDS) $(TARGET)

fuzz-coverage: ## How much of its own code the corpus of each fuzz target reaches; fails below 80 % (TARGET=)
	@Scripts/require build fuzz
	@Scripts/fuzz coverage $(TARGET)

build: ## Compile everything, tests too, for debugging; warnings are errors
	@Scripts/require build
	$(SWIFT) build --build-tests

release: $(STATIC)/libstdc++.a ## Compile everything, optimised
	$(SWIFT) build $(RELEASE)

$(STATIC)/libstdc++.a:
	@Scripts/require build
	@mkdir -p $(@D)
	@ln -sf "$$(clang -print-file-name=libstdc++.a)" $@

certs: ## Make an authority, a relay's and works' certificates in DIR (APP=, WORKS=, HOSTS=)
	@Scripts/require run
	@certs/make-authority "$(DIR)/authority"
	@certs/make-relay "$(DIR)/authority" "$(DIR)/relay" $(HOSTS)
	@for work in $(WORKS); do certs/make-work "$(DIR)/authority" "$(DIR)/$$work" $(APP) $$work || exit; done

bench: release ## Measure throughput, memory, latency and small files beside plain C, rsync and cp (BENCH=arguments)
	@Scripts/require run bench
	$(RELEASE_BIN)/baton-bench $(BENCH)

lint: build ## Check format and public interface; compile with warnings as errors
	$(SWIFT) format lint --strict $(FORMAT_OPTIONS) $(SWIFT_FILES)
	@Scripts/interface --check

format: ## Format the Swift sources in place
	$(SWIFT) format $(FORMAT_OPTIONS) --in-place $(SWIFT_FILES)

interface: build ## Record the public interface of the library as it is now
	@Scripts/interface --write

checks: ## Write which vector or case checks which rule of the protocol, Protocol/CHECKS.md
	@Scripts/require test
	@Protocol/checks.py --write

docs: build ## Make the documentation of the library, .build/docs; warnings are errors
	@Scripts/documentation

install: release ## Install baton, baton-agent and baton-relay, stripped, below PREFIX (default /usr/local)
	@mkdir -p "$(DESTDIR)$(PREFIX)/bin"
	install -s $(foreach program,baton baton-agent baton-relay,$(RELEASE_BIN)/$(program)) "$(DESTDIR)$(PREFIX)/bin"

clean: ## Remove what was built
	rm -rf .build
