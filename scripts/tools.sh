#!/usr/bin/env bash
# Sees that the tools for building, testing or linting are there. Test and lint tools are installed where that is allowed.
# Usage: scripts/tools.sh [build] [test] [lint]
set -euo pipefail
cd "$(dirname "$0")/.."
. scripts/lib.sh

node_at_least=20.19.0
missing=()

build_tools() {
    have cargo || missing+=("Rust: https://rustup.rs")
    have cc || have clang || missing+=("a C compiler, for SQLite (Debian, Ubuntu: apt-get install build-essential; macOS: xcode-select --install)")
    if ! have node || ! have npm; then
        missing+=("Node.js $node_at_least or newer with npm: https://nodejs.org")
    elif ! version_at_least "$(node -p process.versions.node)" "$node_at_least"; then
        missing+=("Node.js $node_at_least or newer: this one is $(node -p process.versions.node)")
    fi
}

postgres_there() { have initdb || compgen -G '/usr/lib/postgresql/*/bin/initdb' >/dev/null; }

test_packages() {
    postgres_there || echo postgresql
    have redis-server || echo redis-server
    have nats-server || echo nats-server
    have ffmpeg && have ffprobe || echo ffmpeg
    have nginx || echo nginx-light
    have bwrap || echo bubblewrap
    [ -n "$NEXUS_TEST_CHROMIUM" ] || have chromium || echo chromium
    python3 -c 'import ensurepip, venv' 2>/dev/null || echo python3-venv
}

# Clocks and networks that go wrong; without them the fault suite leaves those faults out.
fault_packages() {
    compgen -G '/usr/lib/*/faketime/libfaketimeMT.so.1' >/dev/null || echo faketime
    have ip && have tc || echo iproute2
}

# packages LISTER: installs what LISTER names, and reports what is still missing afterwards.
packages() {
    local wanted
    mapfile -t wanted < <("$1")
    [ ${#wanted[@]} -gt 0 ] || return 0
    apt_install "${wanted[@]}" || true
    mapfile -t wanted < <("$1")
    [ ${#wanted[@]} -eq 0 ] || missing+=("as root: apt-get install ${wanted[*]}  (or your system's packages of these programs)")
}

# cargo_tool NAME VERSION: VERSION is the oldest that will do. Quick to build rather than quick to run.
cargo_tool() {
    local found
    found=$(cargo "${1#cargo-}" --version 2>/dev/null | awk 'NR == 1 {print $2}') || true
    [ -n "$found" ] && version_at_least "$found" "$2" && return
    say "Installing $1"
    env -u CARGO_TARGET_DIR CARGO_PROFILE_RELEASE_OPT_LEVEL=1 CARGO_PROFILE_RELEASE_LTO=off CARGO_PROFILE_RELEASE_CODEGEN_UNITS=16 \
        cargo install --locked --version ">=$2" "$1" || missing+=("$1: cargo install --locked $1")
}

test_tools() {
    packages test_packages
    local wished
    mapfile -t wished < <(fault_packages)
    [ ${#wished[@]} -eq 0 ] || apt_install "${wished[@]}" || true
    cargo_tool cargo-nextest 0.9.100
}

lint_packages() {
    have shellcheck || echo shellcheck
    have nginx || echo nginx-light
    have nats-server || echo nats-server
    python3 -c 'import ensurepip, venv' 2>/dev/null || echo python3-venv
}

# Debian's own is too old to know components.
kubectl_tool() {
    have kubectl && version_at_least "$(kubectl version --client 2>/dev/null | awk '/^Kustomize/ {print $3}' | tr -d v)" 5.0.0 ||
        missing+=("kubectl 1.27 or newer: https://kubernetes.io/docs/tasks/tools")
}

lint_tools() {
    cargo fmt --version >/dev/null 2>&1 || missing+=("rustfmt: rustup component add rustfmt")
    cargo clippy --version >/dev/null 2>&1 || missing+=("clippy: rustup component add clippy")
    packages lint_packages
    kubectl_tool
    # Older ones can not read what this cargo says about the workspace.
    cargo_tool cargo-deny 0.18.4
}

for kind in "$@"; do
    # Without cargo the others would only fail again.
    [ ${#missing[@]} -eq 0 ] || break
    "${kind}_tools"
done
if [ ${#missing[@]} -gt 0 ]; then
    say "Missing on this machine:"
    for thing in "${missing[@]}"; do say "  $thing"; done
    exit 1
fi
