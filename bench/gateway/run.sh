#!/bin/sh
# The same upstream behind nginx, HAProxy, an Express gateway and ours. SECONDS of a run and CONNECTIONS may be set:
#   SECONDS_EACH=10 CONNECTIONS="1 16 128 512" bench/gateway/run.sh
# Needs nginx, haproxy, wrk, node and npm.
set -eu
here=$(cd "$(dirname "$0")" && pwd)
cd "$here/../.."
seconds=${SECONDS_EACH:-10}
connections=${CONNECTIONS:-"1 16 128 512"}
peers=${PEERS:-"nginx haproxy express ours"}
sizes=${SIZES:-"small large"}
for needed in nginx haproxy wrk node npm curl; do
    command -v "$needed" >/dev/null || { echo "bench/gateway needs $needed, which is not installed" >&2; exit 1; }
done
upstream_port=18080
peer_port=18081

# shellcheck source=bench/gateway/begin.sh
. bench/gateway/begin.sh
chmod 755 "$work"

# Waits until something answers at the port with the given token.
answers() {
    for _ in $(seq 100); do
        status=$(curl -s -o /dev/null -w '%{http_code}' -H "Authorization: Bearer $2" "http://127.0.0.1:$1/api/scheduler/small" || true)
        [ "$status" = 200 ] && return 0
        sleep 0.1
    done
    echo "nothing answers at port $1: $status" >&2
    exit 1
}

filled() { # configuration
    sed -e "s/UPSTREAM_PORT/$upstream_port/" -e "s/PEER_PORT/$peer_port/" -e "s#LARGE_FILE#$work/large#" "$here/peers/$1" >"$work/$1"
}

head -c 1048576 /dev/zero | tr '\0' 'x' >"$work/large"
filled upstream.conf
nginx -p "$work" -c "$work/upstream.conf" 2>"$work/upstream.log" &
running="$running $!"
answers "$upstream_port" none

case " $peers " in *" express "*)
    cp -r "$here/peers/express" "$work/express"
    (cd "$work/express" && npm install --silent --no-audit --no-fund >/dev/null)
    ;;
esac

start() { # peer; sets token and peer_pid
    case $1 in
    nginx)
        filled nginx.conf
        nginx -p "$work" -c "$work/nginx.conf" 2>"$work/nginx.log" &
        token=none
        ;;
    haproxy)
        filled haproxy.cfg
        haproxy -f "$work/haproxy.cfg" 2>"$work/haproxy.log" &
        token=none
        ;;
    express)
        node "$work/express/gateway.js" "$peer_port" "$upstream_port" >"$work/express.log" 2>&1 &
        token=$(node "$work/express/gateway.js" token)
        ;;
    ours)
        "$program" gateway "127.0.0.1:$peer_port" "http://127.0.0.1:$upstream_port" 2>"$work/ours.log" &
        token=$("$program" token)
        ;;
    esac
    peer_pid=$!
    running="$running $peer_pid"
    answers "$peer_port" "$token"
}

run() { # peer size connections -> a line: peer size connections requests/s p50 p99 errors
    threads=2
    [ "$3" -lt 2 ] && threads=1
    wrk -t"$threads" -c"$3" -d"$seconds"s --latency -s "$here/report.lua" -H "Authorization: Bearer $token" \
        "http://127.0.0.1:$peer_port/api/scheduler/$2" 2>/dev/null | sed -n "s/^RESULT/$1 $2 $3/p" >>"$work/results"
}

: >"$work/results"
for peer in $peers; do
    start "$peer"
    wrk -t2 -c64 -d1s -H "Authorization: Bearer $token" "http://127.0.0.1:$peer_port/api/scheduler/small" >/dev/null 2>&1
    for size in $sizes; do
        for count in $connections; do run "$peer" "$size" "$count"; done
    done
    kill "$peer_pid"
    wait "$peer_pid" 2>/dev/null || true
done

awk '
    { key = $2 " " $3; rate[$1, key] = $4; p50[$1, key] = $5; p99[$1, key] = $6; errors[$1, key] = $7 }
    !(key in seen) { seen[key] = 1; order[++keys] = key }
    !($1 in known) { known[$1] = 1; peer[++peers] = $1 }
    END {
        print "| body, connections | gateway | requests a second | p50 ms | p99 ms | errors | throughput of nginx | p99 of nginx | throughput of Express |"
        print "| --- | --- | --- | --- | --- | --- | --- | --- | --- |"
        for (k = 1; k <= keys; k++) for (p = 1; p <= peers; p++) {
            who = peer[p]; key = order[k]; n = rate["nginx", key]; e = rate["express", key]; t = p99["nginx", key]
            printf "| %s | %s | %d | %.2f | %.2f | %d | %s | %s | %s |\n", key, who, rate[who, key], p50[who, key], p99[who, key], errors[who, key], \
                n ? sprintf("%.2f", rate[who, key] / n) : "-", t ? sprintf("%.2f", p99[who, key] / t) : "-", e ? sprintf("%.1f", rate[who, key] / e) : "-"
        }
    }' "$work/results"
