#!/usr/bin/env bash
# The carriers of events of two regions with the files of deploy/kubernetes: three servers each, and gateways between them.
# shellcheck source-path=SCRIPTDIR
set -euo pipefail
cd "$(dirname "$0")"
. ../../../scripts/lib.sh

have nats-server || die "nats-server is missing: as root: apt-get install nats-server"
work=$(mktemp -d)
declare -A servers=()
stop_all() {
    if [ ${#servers[@]} -gt 0 ]; then kill "${servers[@]}" 2>/dev/null || true; fi
    wait
    rm -rf "$work"
}
trap stop_all EXIT

openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -noenc -days 2 -subj /CN=localhost -addext 'subjectAltName=IP:127.0.0.1' \
    -keyout "$work/tls.key" -out "$work/tls.crt" 2>/dev/null
cp "$work/tls.crt" "$work/ca.crt"
read -r -a ports < <(node -e "
    const servers = Array.from({ length: 18 }, () => require('net').createServer());
    let open = 0;
    for (const server of servers) server.listen(0, '127.0.0.1', () => {
        if (++open < servers.length) return;
        console.log(servers.map((server) => server.address().port).join(' '));
        servers.forEach((server) => server.close());
    });")
export NATS_PASSWORD=a-password-of-this-test

# port REGION NUMBER KIND: 0 for clients, 1 for the region's servers, 2 for the other region's.
port() { if [ "$1" = eu ]; then echo "${ports[$2 * 3 + $3]}"; else echo "${ports[9 + $2 * 3 + $3]}"; fi; }
# start REGION NUMBER: the file as it is, where names of machines and ports become this machine's.
start() {
    local conf=$work/$1-$2.conf
    sed -e "s#0.0.0.0:4222#127.0.0.1:$(port "$1" "$2" 0)#; /^http:/d; s#\"/data\"#\"$work/$1-$2\"#; s#/run/nats/tls#$work#; /advertise:/d" \
        -e "s#0.0.0.0:6222#127.0.0.1:$(port "$1" "$2" 1)#; s#0.0.0.0:7222#127.0.0.1:$(port "$1" "$2" 2)#" \
        -e "s#nats-0.nats-servers:6222#127.0.0.1:$(port "$1" 0 1)#; s#nats-1.nats-servers:6222#127.0.0.1:$(port "$1" 1 1)#; s#nats-2.nats-servers:6222#127.0.0.1:$(port "$1" 2 1)#" \
        -e "s#nats-eu.example.org:7222#127.0.0.1:$(port eu 0 2)#; s#nats-us.example.org:7222#127.0.0.1:$(port us 0 2)#" \
        "../../../deploy/kubernetes/overlays/production-multi-region/$1/nats.conf" >"$conf"
    POD_NAME=$1-$2 nats-server -c "$conf" >"$conf.log" 2>&1 </dev/null &
    servers[$1-$2]=$!
}
for region in eu us; do for number in 0 1 2; do start $region $number; done; done
export NATS_EU NATS_US NATS_EU_PIDS
NATS_EU=$(port eu 0 0)
NATS_US=$(port us 1 0)
NATS_EU_PIDS="${servers[eu-0]} ${servers[eu-1]} ${servers[eu-2]}"
node regions.mjs || { tail -n 5 "$work"/*.log; exit 1; }
