#!/usr/bin/env bash
# Makes what both compose files need beside them, once: `.env` with new random passwords, and a certificate that browsers
# will warn of, in tls/, until you put your own in its place.
# Usage: deploy/compose/make-env.sh [https://ADDRESS]
set -euo pipefail
umask 077
cd "${NEXUS_COMPOSE_FOLDER:-$(dirname "$0")}"

url=${1:-https://localhost}
host=${url#https://}
host=${host%%[:/]*}
if [ "$url" = "$host" ] || [ -z "$host" ]; then
    echo "$url is no address; it begins with https://" >&2
    exit 1
fi

if [ -e .env ]; then
    echo ".env is there already and stays as it is"
else
    random() { openssl rand -hex 32; }
    cat >.env <<EOF
NEXUS_PUBLIC_URL=$url
POSTGRES_PASSWORD=$(random)
NATS_PASSWORD=$(random)
REDIS_PASSWORD=$(random)
NEXUS_MESH_SECRET=$(random)
# Opens all keys and secrets where each service is a container: keep a copy apart from the backups, and never change it.
NEXUS_KEYS_PASSPHRASE=$(random)
# An smtp:// or smtps:// URL; as long as there is none, mail stays in the console.
NEXUS_MAIL_SMTP=
EOF
    echo "made .env"
fi
if [ -e tls/tls.crt ]; then
    echo "tls/tls.crt is there already and stays as it is"
else
    mkdir -p tls
    openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -noenc -days 90 -subj "/CN=$host" \
        -addext "subjectAltName=DNS:$host" -keyout tls/tls.key -out tls/tls.crt 2>/dev/null
    # nginx runs as another user in its container.
    chmod 755 tls
    chmod 644 tls/tls.key tls/tls.crt
    echo "made tls/tls.crt for $host"
fi
