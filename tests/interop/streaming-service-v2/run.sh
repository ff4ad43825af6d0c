#!/usr/bin/env bash
# Players and parsers that others wrote, on what the running system makes of three kinds of film.
# shellcheck source-path=SCRIPTDIR
set -euo pipefail
cd "$(dirname "$0")"
. ../lib/system.sh
. ../lib/media.sh

[ -n "$NEXUS_TEST_CHROMIUM" ] || die "Chromium is missing: set NEXUS_TEST_CHROMIUM"
node_packages
start_system
film_mp4 "$work/film.mp4" 9
film_webm "$work/film.webm" 4
film_mov "$work/film.mov" 4
NEXUS_FILMS=$(node films.mjs "$work/film.mp4" "$work/film.webm" "$work/film.mov")
export NEXUS_FILMS

suite node hls-parser.mjs
suite node ffprobe.mjs
suite node players.mjs
finish_suites
