#!/bin/sh
# Publishes events one after the other, embedded and over NATS, beside what the NATS client alone needs for a message of the same
# size. Arguments: the number of events, and the folder whose disk is used. NEXUS_BENCH_NATS names the server.
set -eu
cd "$(dirname "$0")/../.."
exec cargo run --release --quiet -p nexus-bench-events -- "${1:-2000}" "${2:-.}"
