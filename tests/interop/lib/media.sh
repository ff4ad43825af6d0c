# shellcheck shell=bash
# Real media made by ffmpeg: moving pictures with sound. Sourced after system.sh.

# film FILE SECONDS ENCODING...: the container follows the file's name.
film() {
    local file=$1 seconds=$2
    shift 2
    ffmpeg -nostdin -hide_banner -loglevel error -y -f lavfi -i "testsrc2=size=640x360:rate=25:duration=$seconds" \
        -f lavfi -i "sine=frequency=440:beep_factor=4:duration=$seconds" "$@" -shortest "$file"
}
film_mp4() { film "$1" "$2" -c:v libx264 -preset veryfast -pix_fmt yuv420p -c:a aac -movflags +faststart; }
# Noise does not compress: some 12 MB, so that a connection can break in the middle.
film_large() { film "$1" 4 -vf noise=alls=60:allf=t -c:v libx264 -preset ultrafast -crf 14 -maxrate 24M -bufsize 24M -pix_fmt yuv420p -c:a aac; }
film_webm() { film "$1" "$2" -c:v libvpx-vp9 -deadline realtime -cpu-used 8 -c:a libopus; }
film_mov() { film "$1" "$2" -c:v mpeg2video -q:v 3 -c:a pcm_s16le; }
