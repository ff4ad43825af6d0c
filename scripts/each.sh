#!/usr/bin/env bash
# Runs FOLDER/*/run.sh, or that of one NAME.
# Usage: scripts/each.sh FOLDER [NAME]
set -euo pipefail
cd "$(dirname "$0")/.."
. scripts/lib.sh

folder=$1
name=${2:-}
if [ -n "$name" ] && [ ! -f "$folder/$name/run.sh" ]; then
    die "$folder/$name/run.sh does not exist; there are: $(cd "$folder" && echo */run.sh)"
fi
for script in "$folder"/${name:-*}/run.sh; do
    [ -f "$script" ] || die "nothing in $folder has a run.sh"
    step "$(dirname "$script")" bash "$script"
done
finish
