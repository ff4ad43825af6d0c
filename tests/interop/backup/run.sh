#!/usr/bin/env bash
# restic, which others wrote, reads, checks, restores and tidies the repository that a running system's backups are in.
# shellcheck source-path=SCRIPTDIR
set -euo pipefail
cd "$(dirname "$0")"
. ../lib/system.sh

passed=0 failed=0 skipped=0
# check NAME COMMAND...: runs one; its output is shown when it fails.
check() {
    local name=$1
    shift
    if "$@" >"$work/case.log" 2>&1; then
        passed=$((passed + 1))
        echo "ok    restic: $name"
    else
        failed=$((failed + 1))
        echo "FAIL  restic: $name"
        sed 's/^/      /' "$work/case.log"
    fi
}
finish() {
    echo "restic: $passed passed, $failed failed, $skipped skipped"
    [ "$failed" -eq 0 ]
}

if ! command -v restic >/dev/null; then
    skipped=1
    echo "skip  restic: reads the backups"
    echo "      restic is not installed (Debian, Ubuntu: apt-get install restic)"
    finish
    exit
fi

start_system
# They are no settings, and the program refuses what it does not know.
export -n NEXUS_URL NEXUS_EMAIL
mkdir "$work/cache"
export NEXUS_BACKUP__REPOSITORY=$work/repository NEXUS_BACKUP__PASSWORD="a password, as long as you like"
export RESTIC_REPOSITORY=$NEXUS_BACKUP__REPOSITORY RESTIC_PASSWORD=$NEXUS_BACKUP__PASSWORD RESTIC_CACHE_DIR=$work/cache

backup() { "$nexus" backup --data "$work/data"; }
wrong_password() {
    ! RESTIC_PASSWORD=another restic snapshots >"$work/said" 2>&1 || return 1
    grep "wrong password" "$work/said"
}
restore() { restic restore latest --target "$work/restored" --verify; }
compare() { node compare.mjs "$work/restored/nexus"; }
import() { "$nexus" import --from "$work/restored/nexus" --data "$work/imported"; }
tidy() { restic forget --keep-last 1 --prune && restic check --read-data; }
still_ours() { "$nexus" backup --verify --data "$work/data" && "$nexus" restore --data "$work/again"; }

check "a backup is made while the system runs" backup
check "another one builds upon it" backup
check "it lists them" restic snapshots
check "a wrong password opens nothing" wrong_password
check "it reads every byte and finds no error" restic check --read-data
check "it restores the newest" restore
check "all tables and files have the checksums of the manifest" compare
check "what it restored can be imported" import
check "it forgets the older and prunes" tidy
check "nexus verifies and restores what restic has tidied" still_ours
finish
