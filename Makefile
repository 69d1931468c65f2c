# Targets for people. CI runs `make test`.

CARGO ?= cargo
PYTHON ?= python3
export CARGO_PROFILE_DEV_DEBUG = line-tables-only

.PHONY: help
help: ## Show this list
	@grep -E '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed 's/:.*## /\t/' | expand -t 16

.PHONY: test
test: servers ## Formatting, lints, every test, the documentation
	$(CARGO) fmt --all --check
	$(CARGO) clippy --workspace --all-targets --locked -- -D warnings
	# The fuzz targets are a workspace of their own. They are only checked here: nothing of libFuzzer is built or linked.
	CUSTOM_LIBFUZZER_PATH=/nonexistent/libfuzzer.a $(CARGO) clippy --manifest-path fuzz/Cargo.toml --target-dir target --locked -- -D warnings
	$(CARGO) test --workspace --locked
	RUSTDOCFLAGS="-D warnings" $(CARGO) doc --workspace --no-deps --locked

.PHONY: servers
servers: ## Install the real servers that tests use, if they are missing
	PYTHON=$(PYTHON) tools/servers.sh

.PHONY: deny
deny: ## Licences and sources of the dependencies (needs cargo-deny)
	$(CARGO) deny check licenses bans sources

.PHONY: docs
docs: ## Build the API documentation
	RUSTDOCFLAGS="-D warnings" $(CARGO) doc --workspace --no-deps --locked
	@echo "open target/doc/cofferdam_audit/index.html; the guide begins at docs/README.md"

.PHONY: bench
bench: ## Time `check`, the simulator and the policies, and compare them with other tools in the same run
	$(PYTHON) benches/run.py
	$(CARGO) bench --package cofferdam-policy --bench policy --bench admission --locked
	$(CARGO) bench --manifest-path benches/policy/Cargo.toml --bench peers --locked

.PHONY: fuzz
fuzz: ## Run every fuzz target for a minute (needs cargo-fuzz)
	fuzz/run.sh 60

.PHONY: build-cost
build-cost: ## Seconds of one core that each dependency costs to build, cold
	benches/build-cost.sh
