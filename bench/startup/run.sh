#!/usr/bin/env bash
# How long `nexus up` takes until it is ready on an existing data folder, and how much memory it holds when idle, beside one
# bare Express process for each of its services.
# Usage: bench/startup/run.sh    STARTUP_PROGRAM=<program, else the release build>  STARTS=<how many, else 10>
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
cd "$here/../.."

starts=${STARTS:-10}
idle_seconds=10
folder=$(mktemp -d)
pid=
peers=()
# shellcheck disable=SC2317,SC2329 # called by the trap
clean() {
    if [ -n "$pid" ]; then kill -KILL "$pid" 2>/dev/null || true; fi
    for peer in "${peers[@]}"; do kill -KILL "$peer" 2>/dev/null || true; done
    rm -rf "$folder"
}
trap clean EXIT

program=${STARTUP_PROGRAM:-}
if [ -z "$program" ]; then
    cargo build --release -p nexus
    program=${CARGO_TARGET_DIR:-target}/release/nexus
fi
program=$(realpath "$program")

# Milliseconds since 1970; the decimal separator is the locale's.
now() {
    local microseconds=${EPOCHREALTIME//[.,]/}
    echo $((microseconds / 1000))
}

# start: runs the program until it says that it is ready; leaves its id in `pid` and the time that it took in `took`.
start() {
    local line from
    mkfifo "$folder/said"
    from=$(now)
    "$program" up --data "$folder/data" --listen 127.0.0.1:0 >"$folder/said" 2>"$folder/log" &
    pid=$!
    exec 3<"$folder/said"
    rm "$folder/said"
    until read -r line <&3 && [[ $line == "Nexus COS is running at "* ]]; do
        kill -0 "$pid" 2>/dev/null || { cat "$folder/log" >&2; exit 1; }
    done
    took=$(($(now) - from))
}

stop() {
    kill -TERM "$pid"
    wait "$pid"
    pid=
    exec 3<&-
}

# memory PID...: bytes that are resident, as `ps` counts them, and in proportion where processes share pages; summed.
memory() {
    for process in "$@"; do cat "/proc/$process/smaps_rollup"; done |
        awk '/^Rss:/ {rss += $2} /^Pss:/ {pss += $2} END {print rss * 1024, pss * 1024}'
}

# The services of this build, each as a bare Express server.
start_peers() {
    local line number
    cp -r "$here/express" "$folder/express"
    (cd "$folder/express" && npm install --silent --no-audit --no-fund >/dev/null)
    for ((number = 0; number < services; number++)); do
        mkfifo "$folder/said"
        node "$folder/express/server.js" >"$folder/said" 2>>"$folder/log" &
        peers+=("$!")
        # The shell need not say that it ended.
        disown "$!"
        # It says its port when it listens.
        read -r line <"$folder/said"
        rm "$folder/said"
        curl -fsS "http://127.0.0.1:$line/" >/dev/null
    done
}

services=$("$program" services | grep -c '^[a-z]')
start
echo "first start, empty folder: $took ms"
stop
times=()
for ((number = 1; number <= starts; number++)); do
    start
    times+=("$took")
    if [ "$number" = "$starts" ]; then
        sleep "$idle_seconds"
        read -r memory proportional < <(memory "$pid")
    fi
    stop
done

start_peers
sleep "$idle_seconds"
read -r peer_memory peer_proportional < <(memory "${peers[@]}")

mapfile -t sorted < <(printf '%s\n' "${times[@]}" | sort -n)
median=${sorted[$((starts / 2))]}
awk -v median="$median" -v best="${sorted[0]}" -v worst="${sorted[$((starts - 1))]}" -v starts="$starts" \
    -v memory="$memory" -v proportional="$proportional" -v idle="$idle_seconds" -v services="$services" \
    -v peer_memory="$peer_memory" -v peer_proportional="$peer_proportional" 'BEGIN {
        printf "ready on an existing folder, %d starts: median %d ms, best %d ms, worst %d ms (goal: under 1000 ms)\n",
            starts, median, best, worst
        printf "idle for %d s, %d services:\n", idle, services
        printf "| | resident | proportional share |\n| --- | --- | --- |\n"
        printf "| nexus up | %.1f MB | %.1f MB |\n", memory / 1e6, proportional / 1e6
        printf "| %d bare Express processes | %.1f MB | %.1f MB |\n", services, peer_memory / 1e6, peer_proportional / 1e6
        printf "| ratio (goal: 20) | %.1f | %.1f |\n", peer_memory / memory, peer_proportional / proportional
    }'
