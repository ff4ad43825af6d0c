#!/usr/bin/env bash
# How long `nexus up` takes until it is ready on an existing data folder, and how much memory it holds when idle.
# Usage: bench/startup/run.sh    STARTUP_PROGRAM=<program, else the release build>  STARTS=<how many, else 10>
set -euo pipefail
cd "$(dirname "$0")/../.."

starts=${STARTS:-10}
idle_seconds=10
folder=$(mktemp -d)
pid=
# shellcheck disable=SC2317,SC2329 # called by the trap
clean() {
    if [ -n "$pid" ]; then kill -KILL "$pid" 2>/dev/null || true; fi
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

start
echo "first start, empty folder: $took ms"
stop
times=()
for ((number = 1; number <= starts; number++)); do
    start
    times+=("$took")
    if [ "$number" = "$starts" ]; then
        sleep "$idle_seconds"
        memory=$(($(ps -o rss= -p "$pid") * 1024))
    fi
    stop
done

mapfile -t sorted < <(printf '%s\n' "${times[@]}" | sort -n)
median=${sorted[$((starts / 2))]}
awk -v median="$median" -v best="${sorted[0]}" -v worst="${sorted[$((starts - 1))]}" -v starts="$starts" \
    -v memory="$memory" -v idle="$idle_seconds" 'BEGIN {
        printf "ready on an existing folder, %d starts: median %d ms, best %d ms, worst %d ms (goal: under 1000 ms)\n",
            starts, median, best, worst
        printf "resident memory, idle for %d s: %.1f MB (goal: under 100 MB)\n", idle, memory / 1e6
        missed = (median >= 1000) + (memory >= 100e6)
        print missed ? "startup: a goal is missed" : "startup: both goals are met"
        exit missed > 0
    }'
