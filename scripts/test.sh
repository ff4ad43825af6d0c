#!/usr/bin/env bash
# Every test: Rust, the console's units, the browser journeys, third-party clients. `make test` has built what they need.
set -euo pipefail
cd "$(dirname "$0")/.."
. scripts/lib.sh

services=$(scripts/test-services.sh start)
eval "$services"
locked=()
if [ -n "${CI:-}" ]; then locked=(--locked); fi

has_doctests() { grep -rqE '^ *//[/!] ```' --include='*.rs' crates services modules 2>/dev/null; }
journeys() { (cd tests/e2e && npm ci --no-audit --no-fund && npm test); }
console() { (cd web && npm test); }

step "Rust" cargo nextest run "${locked[@]}" --workspace
if has_doctests; then step "Rust examples in documents" cargo test "${locked[@]}" --workspace --doc; fi
step "console" console
if [ -f tests/e2e/package.json ]; then step "journeys in Chromium" journeys; fi
shopt -s nullglob
for client in tests/interop/*/run.sh; do
    step "$(dirname "$client")" bash "$client"
done
finish
