#!/usr/bin/env bash
# openid-client, oauth4webapi and Authlib as applications of the running system; the person's part is played over HTTP.
# shellcheck source-path=SCRIPTDIR
set -euo pipefail
cd "$(dirname "$0")"
. ../lib/system.sh

node_packages
python_packages
start_system

suite node openid-client.mjs
suite node oauth4webapi.mjs
suite "$python" authlib_suite.py
finish_suites
