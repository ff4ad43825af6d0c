#!/bin/sh
# Inserts a second of the store layer and of raw SQLite, in turns. An argument names the folder whose disk is measured.
set -eu
cd "$(dirname "$0")/../.."
exec cargo run --release --quiet -p nexus-bench-store -- "${1:-.}"
