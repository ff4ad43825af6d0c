#!/bin/sh
# Offers the gateway more than a service behind it can carry, at a fixed rate whatever comes back, and prints what gets through.
# The service does 16 requests at once and takes 25 ms for each: 640 a second, so that ten times as many, and those who ask, fit on
# two cores. SECONDS_EACH sets the length of a run.
set -eu
cd "$(dirname "$0")/../.."
seconds=${SECONDS_EACH:-10}
workers=16
milliseconds=25
capacity=$((workers * 1000 / milliseconds))
service=127.0.0.1:18190
gateway=127.0.0.1:18191

# shellcheck source=bench/gateway/begin.sh
. bench/gateway/begin.sh

"$program" service "$service" "$workers" "$milliseconds" &
running="$running $!"
"$program" gateway "$gateway" "http://$service" 2>"$work/gateway.log" &
running="$running $!"
token=$("$program" token)
for _ in $(seq 100); do
    curl -sf -o /dev/null -H "Authorization: Bearer $token" "http://$gateway/api/scheduler/tasks" && break
    sleep 0.1
done

offer() { # share of the capacity, in tenths; seconds
    rate=$((capacity * $1 / 10))
    # So many connections that none has to wait for another's reply: 200 ms of the load.
    connections=$((rate / 5 + 64))
    [ "$connections" -gt 1000 ] && connections=1000
    "$program" offer "http://$gateway/api/scheduler/tasks" "$token" "$rate" "$2" "$connections"
}

field() { sed "s/.*\"$1\":\([0-9.]*\).*/\1/"; }

echo "| offered | of what it can carry | answered a second | of the peak | p50 ms | p99 ms | p99 of the unloaded | refused |"
echo "| --- | --- | --- | --- | --- | --- | --- | --- |"
peak=0
unloaded=0
for tenths in 1 9 10 20 50 100; do
    # The law settles first; that is not measured.
    offer "$tenths" 3 >/dev/null
    line=$(offer "$tenths" "$seconds")
    goodput=$(echo "$line" | field goodput)
    p50=$(echo "$line" | field p50_us)
    p99=$(echo "$line" | field p99_us)
    refused=$(echo "$line" | sed -n 's/.*"503":\([0-9]*\).*/\1/p')
    [ "$tenths" = 1 ] && unloaded=$p99
    peak=$(awk "BEGIN { print ($goodput > $peak) ? $goodput : $peak }")
    awk -v rate=$((capacity * tenths / 10)) -v share="$tenths" -v goodput="$goodput" -v peak="$peak" -v p50="$p50" -v p99="$p99" \
        -v unloaded="$unloaded" -v refused="${refused:-0}" -v seconds="$seconds" 'BEGIN {
        printf "| %d | %.1f | %d | %.2f | %.1f | %.1f | %.2f | %d |\n", rate, share / 10, goodput, goodput / peak, p50 / 1000, p99 / 1000, p99 / unloaded, refused / seconds
    }'
done
