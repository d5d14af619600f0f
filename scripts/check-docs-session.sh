# shellcheck shell=bash
# What scripts/check-docs.py puts in front of a document's commands. It sets ROOT (the project), BIN
# (the built programs), PORT, and for each block HEADS (where curl leaves the heads of answers).
set -euo pipefail
touch service.pid

# The service, in the present folder, with the present environment.
start() {
    "$BIN/kiwoom-billing" >>service.log 2>&1 &
    echo $! >service.pid
    for _ in $(seq 150); do
        if command curl -sf -o /dev/null "http://localhost:$PORT/health/live"; then return; fi
        kill -0 "$(cat service.pid)" 2>/dev/null || break
        sleep 0.1
    done
    echo 'the service does not start:' >&2
    tail -5 service.log >&2
    return 1
}

stop() {
    kill "$(cat service.pid)" 2>/dev/null || true
    wait "$(cat service.pid)" 2>/dev/null || true
}

trap stop EXIT

# No progress, and a line feed at the end, so that an answer is a line.
curl() {
    command curl -sS -D "$(mktemp "$HEADS/XXXXXX")" "$@" | sed -e '$a\'
}

# `cargo run` takes the program that is built.
cargo() {
    local program=kiwoom-billing
    [ "$1" = run ] || { echo "cargo $1: only run can be checked" >&2; return 1; }
    shift
    while [ $# -gt 0 ] && [ "$1" != -- ]; do
        case $1 in
        -p) program=$2; shift ;;
        -q | --locked | --release) ;;
        *) echo "cargo run: unknown option $1" >&2; return 1 ;;
        esac
        shift
    done
    "$BIN/$program" "${@:2}"
}

# `make run` starts the service again, with the variables in front of it. Other targets are only
# looked up: what they do takes too long here.
make() {
    if [ "${1:-}" = run ]; then stop; start; else command make -C "$ROOT" -n "$@" >/dev/null; fi
}
