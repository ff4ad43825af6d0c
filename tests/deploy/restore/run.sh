#!/usr/bin/env bash
# A system is backed up, and restored into an empty place, while people write to it. The restored one has all that was
# acknowledged before the backup, and in a browser a film is uploaded to it and played.
# shellcheck source-path=SCRIPTDIR
set -euo pipefail
cd "$(dirname "$0")"
. ../../interop/lib/system.sh

[ -n "$NEXUS_TEST_CHROMIUM" ] || die "Chromium is missing: set NEXUS_TEST_CHROMIUM"
passed=0
failed=0
case_of() {
    local name=$1
    shift
    if "$@" >"$work/case.log" 2>&1; then
        passed=$((passed + 1))
        echo "ok    restore: $name"
    else
        failed=$((failed + 1))
        echo "FAIL  restore: $name"
        sed 's/^/      /' "$work/case.log"
    fi
}

# The account of the browser's journeys.
NEXUS_EMAIL=ada@harbour.example NEXUS_PASSWORD="correct horse battery staple"
start_system
acknowledged=$work/acknowledged
touch "$acknowledged"
node load.mjs "$acknowledged" 2>"$work/load.log" &
load=$!
nexus_pids=("$load" "${nexus_pids[@]}")

# more N: until so many more things were acknowledged.
more() {
    local wanted=$(($(wc -l <"$acknowledged") + $1))
    for _ in $(seq 600); do
        [ "$(wc -l <"$acknowledged")" -ge "$wanted" ] && return
        kill -0 "$load" 2>/dev/null || break
        sleep 0.1
    done
    cat "$work/load.log"
    return 1
}
# nexus COMMAND...: not one of its own settings is the browser's.
program() {
    env -u NEXUS_URL -u NEXUS_EMAIL -u NEXUS_PASSWORD NEXUS_BACKUP__REPOSITORY="$work/repository" NEXUS_BACKUP__PASSWORD="a password, as long as you like" "$nexus" "$@"
}
exported() { program export --data "$work/restored" --to "$work/$1" && node ../../interop/backup/compare.mjs "$work/$1"; }
journey() { (cd ../../e2e && npm ci --silent --no-audit --no-fund && E2E_URL=$NEXUS_URL npx playwright test film.spec.ts); }
settled() { exported after && node check.mjs settled "$work/after" "$work/as-restored"; }

case_of "people write" more 200
before=$(wc -l <"$acknowledged")
case_of "a backup is made meanwhile" program backup --data "$work/data"
case_of "they go on writing" more 50
case_of "it is restored into an empty place meanwhile" program restore --data "$work/restored"
case_of "they go on writing after that" more 50
# No backup holds it: it is kept apart, and brought by whoever restores.
install -D -m 600 "$work/data/keys/master.key" "$work/restored/keys/master.key"
case_of "every table and file has its checksum" exported as-restored
case_of "all services are at one moment" node check.mjs moment "$work/as-restored"
export -n NEXUS_URL NEXUS_EMAIL NEXUS_PASSWORD
run_system "$work/restored" "Nexus COS is running at"
export NEXUS_URL NEXUS_EMAIL NEXUS_PASSWORD
case_of "the restored system has all that was acknowledged" node check.mjs acknowledged "$acknowledged" "$before"
case_of "in a browser a film is uploaded to it and played" journey
case_of "its events were applied, and none was given up" settled
case_of "people still write to the first one" more 50
echo "restore: $passed passed, $failed failed, 0 skipped"
[ "$failed" = 0 ]
