# `make` lists what there is. GNU make 3.81, as on macOS, is enough.

.DEFAULT_GOAL := help
.PHONY: help run test test-browser test-api fuzz bench check sbom

help: ## List the targets
	@grep -E '^[a-z-]+:.*## ' Makefile | sed 's/:.*## /|/' | \
		awk -F'|' '{ printf "  make %-14s %s\n", $$1, $$2 }'

run: ## Start the service in development: sandbox gateway, private database
	@sh scripts/install-postgres.sh
	cargo run --locked

# Most of a test's time is waiting: several share a core.
test: ## Run all tests
	@sh scripts/install-postgres.sh
	RUST_TEST_THREADS=$${RUST_TEST_THREADS:-4} cargo test --locked --workspace --exclude browser-tests

test-browser: ## Run the browser test of the payment page in Chromium
	@sh scripts/install-postgres.sh --browser
	cargo build --locked
	cargo test --locked --workspace --test browser
	@echo 'Pictures of the pages: artifacts/screenshots'

test-api: ## Hold the service to its own /openapi.json with Schemathesis
	@sh scripts/install-postgres.sh
	scripts/schemathesis.sh

fuzz: ## Throw changed bytes at what reads the outside world: a minute for each target
	@sh scripts/install-postgres.sh
	scripts/fuzz.sh 60

bench: ## Measure charges beside Express and Fastify; BEFORE=PROGRAM: beside an earlier build too
	@sh scripts/install-postgres.sh
	cargo build --release --locked
	sh bench/compare.sh $(if $(PARTS),--parts $(PARTS)) target/release/kiwoom-billing $(BEFORE)

check: ## Check the format, the lints and the dependencies' licences
	cargo fmt --all --check
	cargo clippy --workspace --all-targets --locked -- -D warnings
	@if command -v cargo-deny >/dev/null 2>&1; then \
		cargo deny --locked check licenses bans sources; \
	else \
		echo 'cargo-deny is not installed: licences, bans and sources are NOT checked.'; \
	fi

sbom: ## List what the program is made of (CycloneDX): target/sbom/kiwoom-billing.cdx.json
	@sh scripts/sbom.sh
