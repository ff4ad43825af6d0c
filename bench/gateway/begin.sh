# shellcheck shell=sh
# What the benchmarks of the gateway begin with, in the repository's root: $program is built, $work is a folder, and the processes
# whose ids are in $running end with the benchmark. Sourced.

cargo build --release --quiet -p nexus-bench-gateway
# shellcheck disable=SC2034  # it is for who sources this
program=$(cargo metadata --format-version 1 --no-deps | sed 's/.*"target_directory":"\([^"]*\)".*/\1/')/release/nexus-bench-gateway
work=$(mktemp -d)
running=""
end() {
    for pid in $running; do kill "$pid" 2>/dev/null || true; done
    wait 2>/dev/null || true
    rm -rf "$work"
}
trap end EXIT
trap 'exit 1' INT TERM
