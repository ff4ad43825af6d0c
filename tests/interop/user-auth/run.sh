#!/usr/bin/env bash
# scim2-tester checks the running system against the standard; scim2-client keeps a directory in it, as an identity provider does.
# shellcheck source-path=SCRIPTDIR
set -euo pipefail
cd "$(dirname "$0")"
. ../lib/system.sh

python_packages
start_system
SCIM_TOKEN=$(node service-token.mjs)
export SCIM_TOKEN

suite "$python" scim2_tester_suite.py
suite "$python" scim2_client_suite.py
finish_suites
