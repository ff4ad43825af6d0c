#!/usr/bin/env bash
# hvac, the Python client of Vault, keeps keys and secrets at the running system.
# shellcheck source-path=SCRIPTDIR
set -euo pipefail
cd "$(dirname "$0")"
. ../lib/system.sh

python_packages
start_system
suite "$python" hvac_suite.py
finish_suites
