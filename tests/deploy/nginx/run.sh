#!/usr/bin/env bash
# The system behind nginx with the files of deploy/nginx: what a person's browser, an uploader, a player and a flood meet.
# shellcheck source-path=SCRIPTDIR
set -euo pipefail
cd "$(dirname "$0")"
. ../../interop/lib/system.sh
. ../../interop/lib/media.sh

started=()

stop_all() {
    if [ ${#started[@]} -gt 0 ]; then kill "${started[@]}" 2>/dev/null || true; fi
    stop_system
}
trap stop_all EXIT

free_ports() {
    node -e "
        const servers = Array.from({ length: Number(process.argv[1]) }, () => require('net').createServer());
        let open = 0;
        for (const server of servers) server.listen(0, '127.0.0.1', () => {
            if (++open < servers.length) return;
            console.log(servers.map((server) => server.address().port).join(' '));
            servers.forEach((server) => server.close());
        });" "$1"
}

# start_nginx FOLDER UPSTREAM HTTP HTTPS HEALTH: the files as they are, in a place of this test's own: its ports, its folders, a
# certificate that nobody knows.
start_nginx() {
    local nginx=$1 place=$1/place
    mkdir -p "$place" "$nginx/tls" "$nginx/cache" "$nginx/tmp"
    cp -r ../../../deploy/nginx/nginx.conf ../../../deploy/nginx/nexus "$nginx/"
    sed -i "s#^pid .*#pid $nginx/pid;#" "$nginx/nginx.conf"
    sed -i "s#access_log /dev/stdout#access_log $nginx/access.log#" "$nginx/nexus/http.conf"
    # All as one user, as in a container; root would give its workers up to another, who may not enter this folder.
    printf 'user %s;\nerror_log %s/error.log notice;\n' "$(id -un)" "$nginx" >"$place/main.conf"
    printf 'listen 127.0.0.1:%s;\n' "$3" >"$place/listen-http.conf"
    # A test speaks from many addresses by saying so, as a load balancer would.
    printf 'listen 127.0.0.1:%s ssl http2;\nset_real_ip_from 127.0.0.1;\nreal_ip_header X-Test-Client;\n' "$4" >"$place/listen-https.conf"
    printf 'listen 127.0.0.1:%s;\n' "$5" >"$place/listen-health.conf"
    printf 'upstream gateway {\n    server %s max_fails=0;\n    keepalive 64;\n}\n' "$2" >"$place/upstream.conf"
    sed "s# /tmp/# $nginx/tmp/#; s#/var/cache/nginx/nexus#$nginx/cache#" ../../../deploy/nginx/place-container/paths.conf >"$place/paths.conf"
    openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -noenc -days 2 -subj /CN=localhost \
        -addext 'subjectAltName=DNS:localhost,IP:127.0.0.1' -keyout "$nginx/tls/tls.key" -out "$nginx/tls/tls.crt" 2>/dev/null
    nginx -p "$nginx" -c "$nginx/nginx.conf" -g 'daemon off;' >"$nginx/out" 2>&1 </dev/null &
    started+=($!)
    for _ in $(seq 100); do
        curl -s -o /dev/null "http://127.0.0.1:$5/" && return
        sleep 0.1
    done
    cat "$nginx/out" "$nginx/error.log" >&2
    die "nginx did not start"
}

have nginx || die "nginx is missing: as root: apt-get install nginx-light"
node_packages
export NEXUS_GATEWAY__TRUSTED_PROXIES='[127.0.0.0/8]'
start_system
read -r http https health http2 https2 health2 <<<"$(free_ports 6)"
start_nginx "$work/nginx" "${NEXUS_URL#http://}" "$http" "$https" "$health"
export NEXUS_EDGE=https://localhost:$https NEXUS_EDGE_HTTP=http://localhost:$http \
    NEXUS_NGINX=$work/nginx NEXUS_UPLOADS=$work/data

node upstream.mjs >"$work/upstream.port" &
started+=($!)
until [ -s "$work/upstream.port" ]; do sleep 0.1; done
start_nginx "$work/sockets" "127.0.0.1:$(cat "$work/upstream.port")" "$http2" "$https2" "$health2"
cat "$work"/{nginx,sockets}/tls/tls.crt >"$work/trusted.crt"
export NODE_EXTRA_CA_CERTS=$work/trusted.crt NEXUS_EDGE_CA=$work/trusted.crt NEXUS_SOCKETS=https://localhost:$https2

# Uploaded, transcoded and published through nginx, as everything here.
film_mp4 "$work/public.mp4" 2
film_mp4 "$work/private.mp4" 2
NEXUS_FILMS=$(NEXUS_URL=$NEXUS_EDGE node ../../interop/streaming-service-v2/films.mjs "$work/public.mp4" "$work/private.mp4")
export NEXUS_FILMS
suite node edge.mjs
finish_suites
