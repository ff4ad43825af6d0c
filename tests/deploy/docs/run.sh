#!/usr/bin/env bash
# The commands of docs/operations: blocks marked `sh run` are run as they stand, in a world of their own, and of all others it is
# checked that the shell, nexus and kubectl can make sense of them.
# shellcheck source-path=SCRIPTDIR
set -euo pipefail
cd "$(dirname "$0")"
. ../../interop/lib/system.sh

have bwrap || die "bubblewrap is missing: as root: apt-get install bubblewrap"
have kubectl || die "kubectl is missing"
touch "$work/nexus.log"
export NEXUS_BIN=$nexus NEXUS_WORK=$work
# The YAML reader of the manifests' check.
(cd ../../../deploy/check && npm ci --silent --no-audit --no-fund)
suite node docs.mjs
finish_suites
