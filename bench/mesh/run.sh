#!/bin/sh
# Makes calls in one process and between two: through the mesh, by hyper alone, and as plain functions. An argument is the
# number of rounds.
set -eu
cd "$(dirname "$0")/../.."
exec cargo run --release --quiet -p nexus-bench-mesh -- "${1:-7}"
