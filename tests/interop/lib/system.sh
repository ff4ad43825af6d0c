# shellcheck shell=bash
# What every run.sh here begins with: the system on an empty data folder and a free port of this machine, with an owner.
# Sourced by a run.sh in its own folder, which then finds:
#   NEXUS_URL, NEXUS_EMAIL, NEXUS_PASSWORD   the gateway, and the owner's account; the latter two may be set before
#   run_system DATA WORDS                    another system on this data folder, once it has said these words; NEXUS_URL is its own
#   node_packages                            installs the npm packages of the suite's folder, as they are locked
#   python_packages                          makes an environment with the suite's requirements.txt; then $python is its Python
#   suite COMMAND...                         runs one client; a failure is remembered, so that the next one runs too

interop_lib=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
suite_folder=$PWD
# shellcheck source-path=SCRIPTDIR source=../../../scripts/lib.sh
. "$interop_lib/../../../scripts/lib.sh"

target=${CARGO_TARGET_DIR:-$(cd "$interop_lib/../../.." && pwd)/target}
nexus=${NEXUS_BIN:-$target/debug/nexus}
[ -x "$nexus" ] || die "$nexus is missing: run this through make"
work=$(mktemp -d)
nexus_pids=()
suites_failed=0

stop_system() {
    local pid
    for pid in "${nexus_pids[@]}"; do
        kill "$pid" 2>/dev/null || true
        wait "$pid" 2>/dev/null || true
    done
    rm -rf "$work"
}
trap stop_system EXIT

run_system() {
    local port pid log=$work/nexus.log
    port=$(node -e "const s = require('net').createServer().listen(0, '127.0.0.1', () => { console.log(s.address().port); s.close() })")
    NEXUS_URL=http://127.0.0.1:$port
    : >"$log"
    # A client that goes through hundreds of requests a second from one address is what is wanted here.
    NEXUS_GATEWAY__REQUESTS_PER_SECOND=100000 NEXUS_GATEWAY__BURST=100000 NEXUS_GATEWAY__SIGN_IN_PER_MINUTE=100000 \
        "$nexus" up --data "$1" --listen "127.0.0.1:$port" >"$log" 2>&1 </dev/null &
    pid=$!
    nexus_pids+=("$pid")
    for _ in $(seq 300); do
        grep -q "$2" "$log" && break
        kill -0 "$pid" 2>/dev/null || { cat "$log" >&2; die "the system ended at once"; }
        sleep 0.1
    done
}

start_system() {
    run_system "$work/data" '/setup?token='
    NEXUS_EMAIL=${NEXUS_EMAIL:-owner@interop.example}
    NEXUS_PASSWORD=${NEXUS_PASSWORD:-$(node -p "require('crypto').randomBytes(18).toString('base64url')")}
    export NEXUS_URL NEXUS_EMAIL NEXUS_PASSWORD
    node "$interop_lib/set-up.mjs" "$(grep -o 'token=.*' "$work/nexus.log" | head -n 1)" || { tail -n 50 "$work/nexus.log" >&2; die "no account could be made"; }
}

node_packages() { (cd "$suite_folder" && npm ci --silent --no-audit --no-fund); }

python_packages() {
    local folder
    folder=$target/interop/$(basename "$suite_folder")
    python=$folder/bin/python
    if ! cmp -s "$suite_folder/requirements.txt" "$folder/requirements.txt"; then
        rm -rf "$folder"
        python3 -m venv "$folder"
        "$python" -m pip install --quiet --disable-pip-version-check --requirement "$suite_folder/requirements.txt"
        cp "$suite_folder/requirements.txt" "$folder/"
    fi
    export PYTHONPATH=$interop_lib
}

suite() { "$@" || suites_failed=$((suites_failed + 1)); }

finish_suites() {
    if [ "$suites_failed" -gt 0 ]; then
        cp "$work/nexus.log" "$target/interop-$(basename "$suite_folder").log"
        say "What the system said: $target/interop-$(basename "$suite_folder").log"
        return 1
    fi
}
