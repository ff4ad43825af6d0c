#!/usr/bin/env bash
# Every check that runs no code of ours. The advisory database needs a network and has its own target: `make advisories`.
set -euo pipefail
cd "$(dirname "$0")/.."
. scripts/lib.sh

shell_scripts() {
    find . \( -name .git -o -name node_modules -o -name target \) -prune -o -type f \( -name '*.sh' -o -path ./.ci/run \) -print0 |
        xargs -0 shellcheck -x
}
console() { (cd web && npm run check); }

step "formatting" cargo fmt --all --check
step "clippy" cargo clippy --workspace --all-targets -- -D warnings
step "dependencies" cargo deny check bans licenses sources
step "console" console
step "shell scripts" shell_scripts
step "deployment files" deploy/check.sh
finish
