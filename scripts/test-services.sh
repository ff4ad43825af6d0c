#!/usr/bin/env bash
# The PostgreSQL, Redis, NATS and S3 that tests use. A server that answers at its usual port is used as it is; where none
# does, one is started on a port of its own with its state under the target folder, and stopped by `stop`.
# `start` prints the variables that tests read, as shell exports.
# `create-database NAME` and `drop-database NAME` work on the server that NEXUS_TEST_POSTGRES names; the first prints its URL.
# Usage: scripts/test-services.sh start | stop | create-database NAME | drop-database NAME
set -euo pipefail
cd "$(dirname "$0")/.."
. scripts/lib.sh

state=${CARGO_TARGET_DIR:-$PWD/target}/test-services
# PostgreSQL refuses to run as root: root lends it to the system's postgres user, who can not read root's folders.
if [ "$(id -u)" = 0 ]; then cluster=/var/lib/nexus-cos-test/postgres; else cluster=$state/postgres; fi
own_postgres=55432
own_redis=56379
own_nats=54222
own_s3=59000

# wait_for WHAT LOG COMMAND...: until the command succeeds, at most 30 s.
wait_for() {
    local what=$1 log=$2
    shift 2
    for _ in $(seq 150); do
        "$@" && return
        sleep 0.2
    done
    [ -r "$log" ] && tail -n 20 "$log" >&2
    die "$what did not start within 30 s; its log is $log"
}

# ---- PostgreSQL

postgres_bin() {
    local found
    found=$(compgen -G '/usr/lib/postgresql/*/bin' | sort -V | tail -n 1) || true
    [ -n "$found" ] || found=$(dirname "$(command -v initdb)")
    echo "$found"
}
as_postgres() { if [ "$(id -u)" = 0 ]; then (cd / && runuser -u postgres -- "$@"); else "$@"; fi; }
sql() { PGCONNECT_TIMEOUT=5 "$bin/psql" --no-password -X -q -t -A "$@" </dev/null; }
may_create_databases() { [ "$(sql "$1" -c 'SELECT rolcreatedb OR rolsuper FROM pg_roles WHERE rolname = current_user' 2>/dev/null)" = t ]; }

# use_postgres SERVER: SERVER is a URL without its database; makes the database `test` when it is missing.
use_postgres() {
    may_create_databases "$1/postgres" || return 1
    [ "$(sql "$1/postgres" -c "SELECT 1 FROM pg_database WHERE datname = 'test'")" = 1 ] ||
        sql "$1/postgres" -c 'CREATE DATABASE test'
    NEXUS_TEST_POSTGRES=$1/test
}

own_cluster() {
    local server=postgres://postgres@127.0.0.1:$own_postgres
    use_postgres "$server" && return
    say "Starting PostgreSQL for the tests on port $own_postgres"
    if ! as_postgres test -s "$cluster/PG_VERSION"; then
        mkdir -p "$cluster"
        if [ "$(id -u)" = 0 ]; then chown postgres "$cluster"; fi
        as_postgres "$bin/initdb" -D "$cluster" -U postgres --auth=trust --encoding=UTF8 --no-locale >/dev/null
    fi
    as_postgres "$bin/pg_ctl" -D "$cluster" -l "$cluster/server.log" -w -t 30 \
        -o "-p $own_postgres -c listen_addresses=127.0.0.1 -c unix_socket_directories= -c max_connections=300" start >/dev/null ||
        die "PostgreSQL did not start; its log is $cluster/server.log"
    use_postgres "$server" || die "PostgreSQL at $server does not let the tests in"
}

start_postgres() {
    if [ -n "${NEXUS_TEST_POSTGRES:-}" ]; then
        may_create_databases "$NEXUS_TEST_POSTGRES" ||
            die "NEXUS_TEST_POSTGRES does not answer, or its role may not create databases"
        return
    fi
    use_postgres postgres://postgres@127.0.0.1:5432 || own_cluster
}

# ---- Redis

redis_answers() { [ "$(timeout 2 redis-cli -h 127.0.0.1 -p "$1" ping 2>/dev/null)" = PONG ]; }

start_redis() {
    [ -z "${NEXUS_TEST_REDIS:-}" ] || return 0
    local port=6379
    if ! redis_answers $port; then
        port=$own_redis
        if ! redis_answers $port; then
            say "Starting Redis for the tests on port $port"
            mkdir -p "$state/redis"
            redis-server --bind 127.0.0.1 --port $port --save '' --appendonly no --daemonize yes \
                --dir "$state/redis" --pidfile "$state/redis/pid" --logfile "$state/redis/log" >/dev/null
            wait_for Redis "$state/redis/log" redis_answers $port
        fi
    fi
    NEXUS_TEST_REDIS=redis://127.0.0.1:$port
}

# ---- NATS

# The server greets with its properties; JetStream is one of them.
nats_answers() {
    local greeting
    greeting=$( (exec 3<>"/dev/tcp/127.0.0.1/$1" && timeout 2 head -n 1 <&3) 2>/dev/null) || return 1
    [[ $greeting == INFO*'"jetstream":true'* ]]
}

start_nats() {
    [ -z "${NEXUS_TEST_NATS:-}" ] || return 0
    local port=4222
    if ! nats_answers $port; then
        port=$own_nats
        if ! nats_answers $port; then
            say "Starting NATS for the tests on port $port"
            mkdir -p "$state/nats"
            nohup nats-server -a 127.0.0.1 -p $port -js -sd "$state/nats/store" -l "$state/nats/log" -P "$state/nats/pid" \
                </dev/null >/dev/null 2>&1 &
            wait_for NATS "$state/nats/log" nats_answers $port
        fi
    fi
    NEXUS_TEST_NATS=nats://127.0.0.1:$port
}

# ---- S3

bucket=nexus-test
# It answers when it can make the bucket, or has it.
s3_answers() { curl -sf -o /dev/null --max-time 5 -X PUT "http://127.0.0.1:$own_s3/$bucket" 2>/dev/null; }

# moto, in a virtual environment that is made again when what it should have has changed.
s3_server() {
    local folder=$state/s3 wanted=scripts/s3-server.txt
    if ! cmp -s "$wanted" "$folder/requirements.txt"; then
        say "Installing the S3 server of the tests"
        rm -rf "$folder"
        python3 -m venv "$folder"
        "$folder/bin/python" -m pip install --quiet --disable-pip-version-check --requirement "$wanted" >&2
        cp "$wanted" "$folder/requirements.txt"
    fi
}

start_s3() {
    [ -z "${NEXUS_TEST_S3:-}" ] || return 0
    if ! s3_answers; then
        s3_server
        say "Starting an S3 server for the tests on port $own_s3"
        nohup "$state/s3/bin/moto_server" -H 127.0.0.1 -p $own_s3 </dev/null >"$state/s3/log" 2>&1 &
        echo $! >"$state/s3/pid"
        wait_for "the S3 server" "$state/s3/log" s3_answers
    fi
    NEXUS_TEST_S3=http://127.0.0.1:$own_s3/$bucket
}

stop_by_pid() {
    [ -s "$1" ] || return 0
    kill "$(cat "$1")" 2>/dev/null || true
    rm -f "$1"
}

bin=$(postgres_bin)
case "${1:-}" in
    start)
        mkdir -p "$state"
        start_postgres
        start_redis
        start_nats
        start_s3
        printf 'export %s=%q\n' NEXUS_TEST_POSTGRES "$NEXUS_TEST_POSTGRES" NEXUS_TEST_REDIS "$NEXUS_TEST_REDIS" \
            NEXUS_TEST_NATS "$NEXUS_TEST_NATS" NEXUS_TEST_S3 "$NEXUS_TEST_S3"
        ;;
    stop)
        if as_postgres test -s "$cluster/postmaster.pid" 2>/dev/null; then
            as_postgres "$bin/pg_ctl" -D "$cluster" -m fast -w stop >/dev/null
        fi
        stop_by_pid "$state/redis/pid"
        stop_by_pid "$state/nats/pid"
        stop_by_pid "$state/s3/pid"
        ;;
    create-database)
        sql "$NEXUS_TEST_POSTGRES" -c "CREATE DATABASE \"$2\""
        printf '%s\n' "${NEXUS_TEST_POSTGRES%/*}/$2"
        ;;
    drop-database) sql "$NEXUS_TEST_POSTGRES" -c "DROP DATABASE IF EXISTS \"$2\" WITH (FORCE)" ;;
    *) die "usage: scripts/test-services.sh start | stop | create-database NAME | drop-database NAME" ;;
esac
