#!/usr/bin/env bash
# Prints the Secret nexus-secrets with new random values, for clusters without a store of secrets:
#   deploy/kubernetes/make-secrets.sh | kubectl apply --namespace nexus --filename -
# S3's keys come from the variables S3_ACCESS_KEY_ID and S3_SECRET_ACCESS_KEY, an SMTP server from NEXUS_MAIL__SMTP.
# Run it once: other passwords need a restart of everything that uses them, and nothing opens what keys-passphrase has sealed but
# the same one. Keep a copy of it apart from the backups.
set -euo pipefail

random() { openssl rand -hex 32; }
secret=(
    --from-literal="mesh-secret=$(random)"
    --from-literal="keys-passphrase=$(random)"
    --from-literal="nats-password=$(random)"
    --from-literal="redis-password=$(random)"
    --from-literal="blobs-access-key-id=${S3_ACCESS_KEY_ID:?}"
    --from-literal="blobs-secret-access-key=${S3_SECRET_ACCESS_KEY:?}"
)
if [ -n "${NEXUS_MAIL__SMTP:-}" ]; then secret+=(--from-literal="mail-smtp=$NEXUS_MAIL__SMTP"); fi
kubectl create secret generic nexus-secrets "${secret[@]}" --dry-run=client --output=yaml
