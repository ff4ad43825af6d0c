#!/bin/sh
# What a request costs as services, tenants, rows and subscribers grow.
# Usage: bench/scale/run.sh    SCALE_ROWS=<the most rows as a power of ten, else 7>  TMPDIR=<the disk that is measured>
set -eu
cd "$(dirname "$0")/../.."
exec cargo run --release --quiet -p nexus-bench-scale
