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
# The same journeys where state, events and limits live in servers.
journeys_on_servers() {
    local database=nexus_journeys_$$ url status=0
    url=$(scripts/test-services.sh create-database "$database")
    (cd tests/e2e && NEXUS_STORE__POSTGRES=$url NEXUS_BUS__NATS=$NEXUS_TEST_NATS NEXUS_CACHE__REDIS=$NEXUS_TEST_REDIS npm test) || status=1
    scripts/test-services.sh drop-database "$database"
    return $status
}
console() { (cd web && npm test); }

step "Rust" cargo nextest run "${locked[@]}" --workspace
if has_doctests; then step "Rust examples in documents" cargo test "${locked[@]}" --workspace --doc; fi
step "console" console
step "journeys in Chromium" journeys
step "journeys on PostgreSQL, NATS and Redis" journeys_on_servers
step "two instances of every service" bash tests/distributed/run.sh
shopt -s nullglob
for client in tests/interop/*/run.sh tests/deploy/*/run.sh; do
    step "$(dirname "$client")" bash "$client"
done
finish
