# shellcheck shell=bash
# What the scripts beside this one share. Sourced, not run.

# Debian keeps servers where an ordinary user's PATH does not look; cargo's tools may be missing from it too.
export PATH="$PATH:/usr/local/sbin:/usr/sbin:/sbin:${CARGO_HOME:-$HOME/.cargo}/bin"

say() { printf '%s\n' "$*" >&2; }
die() { say "$*"; exit 1; }
have() { command -v "$1" >/dev/null 2>&1; }

# The browser of the browser tests.
if [ -z "${NEXUS_TEST_CHROMIUM:-}" ]; then
    NEXUS_TEST_CHROMIUM=$(command -v chromium || command -v chromium-browser || command -v google-chrome) || true
fi
export NEXUS_TEST_CHROMIUM

# Whether this user is root, or may become root: without a question, or by answering one on this terminal.
may_become_root() {
    [ "$(id -u)" = 0 ] && return
    have sudo || return 1
    sudo -n true 2>/dev/null || [ -t 0 ]
}

as_root() {
    if [ "$(id -u)" = 0 ]; then "$@"; else sudo "$@"; fi
}

# apt_install PACKAGE...: fails where the system is no Debian or this user may not.
apt_install() {
    have apt-get && may_become_root || return 1
    say "Installing $*"
    as_root apt-get -o DPkg::Lock::Timeout=300 -qq update >&2 &&
        as_root env DEBIAN_FRONTEND=noninteractive apt-get -o DPkg::Lock::Timeout=300 -qq install -y --no-install-recommends "$@" >&2
}

# version_at_least HAVE WANT
version_at_least() {
    [ "$(printf '%s\n%s\n' "$2" "$1" | sort -V | head -n 1)" = "$2" ]
}

# step NAME COMMAND...: runs it, remembers how it went, and goes on, so that one run shows every failure.
steps=()
failures=0
step() {
    local name=$1 from=$SECONDS outcome=ok
    shift
    printf '\n== %s\n' "$name"
    "$@" || { outcome=FAILED && failures=$((failures + 1)); }
    steps+=("$(printf '%-7s %-40s %4d s' "$outcome" "$name" $((SECONDS - from)))")
}

# Prints how each step went; fails when one did.
finish() {
    printf '\n'
    printf '%s\n' "${steps[@]}"
    [ "$failures" = 0 ]
}
