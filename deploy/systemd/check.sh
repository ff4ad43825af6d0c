#!/usr/bin/env bash
# Checks the unit: what systemd says of it, and how much of the machine it can reach (0 nothing, 10 everything).
set -euo pipefail

# The unit may reach no more than this, in tenths.
most=25

folder=$(cd "$(dirname "$0")" && pwd)
if ! command -v systemd-analyze > /dev/null; then
    echo "systemd-analyze is not here: install the package systemd" >&2
    exit 1
fi
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

# The program need not be installed where it is checked.
printf '#!/bin/sh\n' > "$work/nexus"
chmod 755 "$work/nexus"
sed "s#/usr/bin/nexus#$work/nexus#" "$folder/nexus.service" > "$work/nexus.service"

findings=$(systemd-analyze verify --man=no "$work/nexus.service" 2>&1 | grep -F nexus || true)
if [ -n "$findings" ]; then
    echo "$findings" >&2
    exit 1
fi
systemd-analyze security --offline=true --threshold="$most" --no-pager "$work/nexus.service" | tail -n 1
