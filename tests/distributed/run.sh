#!/usr/bin/env bash
# The journey of a film through two instances of every service, each a process of its own that shares nothing with the others
# but PostgreSQL, Redis, NATS and the files, while instances are killed in the middle. Once with the files in a bucket, and once
# in a folder.
# Usage: run.sh [bucket] [folder]
# shellcheck source-path=SCRIPTDIR
set -euo pipefail
cd "$(dirname "$0")"
. ../../scripts/lib.sh
. ../interop/lib/media.sh

target=${CARGO_TARGET_DIR:-$(cd ../.. && pwd)/target}
export NEXUS_BIN=${NEXUS_BIN:-$target/debug/nexus}
[ -x "$NEXUS_BIN" ] || die "$NEXUS_BIN is missing: run this through make"
[ -n "$NEXUS_TEST_CHROMIUM" ] || die "Chromium is missing: set NEXUS_TEST_CHROMIUM"
have nats-server || die "nats-server is missing; scripts/tools.sh installs it"
have ss || die "ss is missing (Debian: iproute2)"

services=$(../../scripts/test-services.sh start)
eval "$services"
export NEXUS_TEST_POSTGRES NEXUS_TEST_REDIS NEXUS_TEST_S3

work=$(mktemp -d)
databases=()
tidy() {
    local status=$?
    if [ "$status" != 0 ]; then
        rm -rf "$target/distributed-logs"
        mkdir -p "$target/distributed-logs"
        find "$work" -name '*.log' -exec cp {} "$target/distributed-logs/" \;
        say "What the processes said: $target/distributed-logs"
    fi
    for database in "${databases[@]}"; do ../../scripts/test-services.sh drop-database "$database"; done
    rm -rf "$work"
}
trap tidy EXIT

npm ci --silent --no-audit --no-fund
# Long enough to be cut off in the middle of its way and of its transcode: some 30 MB.
film "$work/film.mp4" 20 -vf noise=alls=60:allf=t -c:v libx264 -preset ultrafast -crf 14 -maxrate 12M -bufsize 12M -pix_fmt yuv420p -c:a aac
for files in bucket folder; do
    database=nexus_distributed_${files}_$$
    databases+=("$database")
    declare "url_$files=$(../../scripts/test-services.sh create-database "$database")"
done
# shellcheck disable=SC2154
WORK=$work FILM=$work/film.mp4 DATABASE_BUCKET=$url_bucket DATABASE_FOLDER=$url_folder node journey.mjs "$@"
