#!/bin/sh
# Throws changed bytes at what reads the outside world: notifications, the gateway's answers and
# request bodies (fuzz/fuzz_targets), each from its seeds. A finding fails, and its input is kept in
# fuzz/artifacts. Needs no nightly Rust: the flags are in fuzz/rustc.sh.
#
#   scripts/fuzz.sh              20 seconds for each target
#   scripts/fuzz.sh 600          so many seconds for each
#   scripts/fuzz.sh 600 bodies   one target
#   scripts/fuzz.sh 0 bodies F   one input again, such as a file of fuzz/artifacts
set -eu
cd "$(dirname "$0")/.."

seconds=${1:-20}
targets=${2:-notification gateway_answer bodies}
build=${CARGO_TARGET_DIR:-$PWD/target}

cargo fmt --manifest-path fuzz/Cargo.toml --check
# The dependencies are those of the service's own build, which is why the folder is the same.
RUSTC_WRAPPER=$PWD/fuzz/rustc.sh CARGO_TARGET_DIR=$build \
    cargo build --locked --manifest-path fuzz/Cargo.toml

if [ $# -ge 3 ]; then
    exec "$build/debug/$targets" "$3"
fi
for target in $targets; do
    mkdir -p "fuzz/corpus/$target" fuzz/artifacts
    log=$(mktemp)
    # What is found on the way goes to the first folder, which is not in the repository.
    if "$build/debug/$target" "fuzz/corpus/$target" "fuzz/seeds/$target" \
        -dict="fuzz/seeds/$target.dict" -artifact_prefix="fuzz/artifacts/$target-" \
        -max_total_time="$seconds" -max_len=4096 -timeout=10 -rss_limit_mb=2048 \
        -print_final_stats=1 >"$log" 2>&1; then
        printf '%s: nothing found in %s inputs\n' "$target" \
            "$(sed -n 's/^stat::number_of_executed_units: *//p' "$log")"
        rm -f "$log"
    else
        tail -n 40 "$log"
        echo "$target: FOUND something, see fuzz/artifacts and $log" >&2
        exit 1
    fi
done
