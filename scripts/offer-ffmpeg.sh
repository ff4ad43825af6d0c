#!/usr/bin/env bash
# Offers to install ffmpeg. Without it everything but transcoding works, so nothing here stops `make up`.
set -euo pipefail
cd "$(dirname "$0")/.."
. scripts/lib.sh

have ffmpeg && have ffprobe && exit
say "ffmpeg is missing: uploads can not be made playable until it is installed."
if have apt-get && may_become_root; then
    answer=y
    if [ -t 0 ]; then read -r -p "Install it now with apt-get? [Y/n] " answer || answer=n; fi
    case "$answer" in
        "" | y | Y | yes) apt_install ffmpeg && exit ;;
    esac
fi
say "To install it later: apt-get install ffmpeg (Debian, Ubuntu), brew install ffmpeg (macOS). Starting without it."
