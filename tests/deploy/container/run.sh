#!/usr/bin/env bash
# The program as the image runs it (deploy/docker/Dockerfile): as a user without rights whose world is read-only but for the
# data folder and /tmp, in a folder that it can not write to. No container engine is needed: bubblewrap makes that world.
# shellcheck source-path=SCRIPTDIR
set -euo pipefail
cd "$(dirname "$0")"
. ../../interop/lib/system.sh

passed=0
failed=0
case_of() {
    local name=$1
    shift
    if "$@" >"$work/case.log" 2>&1; then
        passed=$((passed + 1))
        echo "ok    container: $name"
    else
        failed=$((failed + 1))
        echo "FAIL  container: $name"
        sed 's/^/      /' "$work/case.log"
    fi
}

have bwrap || die "bubblewrap is missing: as root: apt-get install bubblewrap"
# bubblewrap needs a kernel that lets it make a world; in some containers none may.
bwrap --ro-bind / / --dev /dev true 2>/dev/null || { echo 'container: 0 passed, 0 failed, 1 skipped'; exit 0; }

# What the Dockerfile says, said once.
dockerfile=../../../deploy/docker/Dockerfile
user=$(awk '$1 == "USER" {split($2, part, ":"); print part[1]}' "$dockerfile")
mapfile -t variables < <(grep -oE 'NEXUS_[A-Z_]+=[^ \\]+' "$dockerfile")

mkdir -p "$work/data" "$work/bin"
cp "$nexus" "$work/bin/nexus"
read -r gateway telemetry < <(node -e "
    const servers = [1, 2].map(() => require('net').createServer());
    let open = 0;
    for (const server of servers) server.listen(0, '127.0.0.1', () => {
        if (++open < 2) return;
        console.log(servers.map((server) => server.address().port).join(' '));
        servers.forEach((server) => server.close());
    });")

# inside COMMAND...: in the image's world. Only the ports are this test's own.
inside() {
    local set=() pair
    for pair in "${variables[@]}"; do
        case $pair in
            NEXUS_LISTEN=*) pair=NEXUS_LISTEN=127.0.0.1:$gateway ;;
            NEXUS_TELEMETRY__LISTEN=*) pair=NEXUS_TELEMETRY__LISTEN=127.0.0.1:$telemetry ;;
        esac
        set+=(--setenv "${pair%%=*}" "${pair#*=}")
    done
    bwrap --unshare-user --unshare-pid --unshare-ipc --uid "$user" --gid "$user" --cap-drop ALL --clearenv --setenv PATH /usr/local/bin:/usr/bin:/bin \
        "${set[@]}" --ro-bind / / --dev /dev --proc /proc --tmpfs /tmp --tmpfs /var/lib --dir /var/lib/nexus --bind "$work/data" /var/lib/nexus \
        --tmpfs /usr/local --dir /usr/local/bin --ro-bind "$work/bin/nexus" /usr/local/bin/nexus --remount-ro /var/lib --remount-ro /usr/local \
        --chdir / --die-with-parent "$@"
}

says() { grep -q "$1" "$work/nexus.log"; }
starts() {
    for _ in $(seq 300); do
        says 'Nexus COS is running at' && return
        kill -0 "$nexus_pid" 2>/dev/null || break
        sleep 0.1
    done
    cat "$work/nexus.log"
    return 1
}
fails() { if "$@"; then return 1; fi; }
well() { inside nexus probe; }
alive() { inside nexus probe --live; }
# The program itself, below the shell and bubblewrap.
innermost() {
    local pid=$1 child
    while child=$(pgrep -P "$pid" | head -n 1) && [ -n "$child" ]; do pid=$child; done
    echo "$pid"
}
ends() {
    local code=0
    kill -TERM "$(innermost "$nexus_pid")"
    wait "$nexus_pid" || code=$?
    nexus_pids=()
    [ "$code" = 0 ]
}
kept() { [ -s "$work/data/state/user-auth.sqlite" ]; }
writes_nothing() { fails inside touch /x && fails inside touch /usr/local/bin/x && fails inside touch /var/lib/x && inside touch /tmp/x /var/lib/nexus/x; }
figures() { curl -sf "http://127.0.0.1:$telemetry/metrics" | grep -q '^http_requests_total{service="token-mgr"'; }
nobody() { inside sh -c "test \$(id -u) = $user && test \$(id -u) != 0 && grep -q '^CapEff:.*0000000000000000' /proc/self/status"; }

case_of 'the world is read-only but for the data folder and /tmp' writes_nothing
case_of 'the user is nobody with rights' nobody
case_of 'as long as nothing runs the health check fails' fails well
inside nexus up >"$work/nexus.log" 2>&1 </dev/null &
nexus_pid=$!
nexus_pids=("$nexus_pid")
case_of 'the whole system starts' starts
case_of 'the health check passes' well
case_of 'so does the one for being alive' alive
case_of 'whoever watches has the figures of all services' figures
case_of 'it ends when it is asked to, without an error' ends
case_of 'its state is in the data folder' kept
echo "container: $passed passed, $failed failed, 0 skipped"
[ "$failed" = 0 ]
