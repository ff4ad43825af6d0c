#!/usr/bin/env bash
# tus-js-client and tuspy upload to the running system, over connections that break.
# shellcheck source-path=SCRIPTDIR
set -euo pipefail
cd "$(dirname "$0")"
. ../lib/system.sh
. ../lib/media.sh

node_packages
python_packages
start_system
film_large "$work/film.mp4"
export FILM=$work/film.mp4 WORK=$work

suite node tus-js-client.mjs
suite "$python" tuspy_suite.py
finish_suites
