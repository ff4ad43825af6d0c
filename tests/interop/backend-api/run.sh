#!/usr/bin/env bash
# Schemathesis makes up requests from the running system's own OpenAPI document, good and bad ones, and holds every
# answer against the document.
# shellcheck source-path=SCRIPTDIR
set -euo pipefail
cd "$(dirname "$0")"
. ../lib/system.sh

python_packages
start_system
token=$(node ../lib/sign-in.mjs)
report=$work/junit.xml
log=$target/interop-schemathesis.log

# Left out: what ends the session that all other requests are made in.
# Always the same requests: what passed yesterday and fails today, we broke. It keeps its notes in the folder where it runs.
(
    cd "$work"
    SCHEMATHESIS_HOOKS=$suite_folder/hooks.py "$(dirname "$python")/schemathesis" run "$NEXUS_URL/openapi.json" \
        --header "Authorization: Bearer $token" \
        --exclude-operation-id log_out --exclude-operation-id end_all_sessions --exclude-operation-id end_session \
        --exclude-operation-id change_password \
        --checks not_a_server_error,status_code_conformance,content_type_conformance,response_schema_conformance \
        --phases examples,coverage,fuzzing --max-examples 25 --seed 1 --generation-deterministic \
        --continue-on-failure --no-shrink --warnings off --request-timeout 30 --workers 2 \
        --report junit --report-junit-path "$report"
) >"$log" 2>&1 </dev/null || true
suite "$python" summary.py "$report" "$log"
finish_suites
