#!/bin/sh
# Holds the service to its own description: builds it, starts it with the sandbox and a database of
# its own, and lets Schemathesis call every route of /openapi.json with good and with bad requests,
# with all checks. Any finding fails.
#
#   scripts/schemathesis.sh                           as CI does: few examples, always the same
#   scripts/schemathesis.sh --max-examples 500        longer; options go to `schemathesis run`
#   scripts/schemathesis.sh --seed 42                 other examples
set -eu
cd "$(dirname "$0")/.."

VENV=${CARGO_TARGET_DIR:-$PWD/target}/schemathesis
# Any 24 characters: the service lives for this run.
KEY=key-of-the-schemathesis-run
dir=$(mktemp -d)
service=

has() {
    command -v "$1" >/dev/null 2>&1
}

install_python() {
    python3 -c 'import venv, ensurepip' 2>/dev/null && return
    if ! has apt-get; then
        echo 'schemathesis.sh needs Python 3 with venv' >&2
        exit 1
    fi
    scripts/apt-install.sh python3-venv
}

install_schemathesis() {
    wanted=tests/schemathesis/requirements.txt
    cmp -s "$wanted" "$VENV/installed" && return
    rm -rf "$VENV"
    python3 -m venv "$VENV"
    "$VENV/bin/pip" install --quiet --disable-pip-version-check --no-deps -r "$wanted"
    cp "$wanted" "$VENV/installed"
}

free_port() {
    python3 -c '
import socket
s = socket.socket()
s.bind(("127.0.0.1", 0))
print(s.getsockname()[1])'
}

# Nothing of the caller's environment: a setting there would change what is tested.
start_service() {
    env -i PATH="$PATH" HOME="$dir" TMPDIR="${TMPDIR:-/tmp}" \
        PORT="$port" DATA_DIR="$dir/data" API_KEYS="$KEY" LOG_FORMAT=json RUST_LOG=info \
        AUTH_FAILURES_PER_MINUTE=0 \
        KAKAOPAY_ENABLED=true NAVERPAY_ENABLED=true SAMSUNGPAY_ENABLED=true PAYCO_ENABLED=true \
        MERCHANT_WEBHOOK_URL="http://127.0.0.1:$port/health/live" \
        MERCHANT_WEBHOOK_SECRET=whsec_c2NoZW1hdGhlc2lzLXRlc3Qtc2VjcmV0LTI0Lw== \
        ${PG_BIN_DIR:+PG_BIN_DIR="$PG_BIN_DIR"} \
        "${CARGO_TARGET_DIR:-$PWD/target}/debug/kiwoom-billing" >"$dir/service.log" 2>&1 &
    service=$!
}

# Only a service that has answered for itself is called: the private database takes some seconds.
wait_until_ready() {
    tries=0
    until python3 - "http://127.0.0.1:$port/health/ready" 2>/dev/null <<'PYTHON'
import sys, urllib.request
urllib.request.urlopen(sys.argv[1], timeout=2)
PYTHON
    do
        tries=$((tries + 1))
        if [ "$tries" -ge 120 ] || ! kill -0 "$service" 2>/dev/null; then
            echo 'The service did not start:' >&2
            tail -n 20 "$dir/service.log" >&2
            exit 1
        fi
        sleep 0.5
    done
}

# SIGTERM lets it stop its database too.
stop() {
    status=$?
    trap - EXIT
    if [ -n "$service" ]; then
        kill "$service" 2>/dev/null || true
        wait "$service" 2>/dev/null || true
    fi
    if [ "$status" -eq 0 ]; then
        rm -rf "$dir"
    else
        echo "Log of the service: $dir/service.log" >&2
    fi
    exit "$status"
}

# The database refuses to run under root's own folder rights otherwise.
chmod 755 "$dir"
trap stop EXIT
trap 'exit 130' INT TERM
install_python
install_schemathesis
cargo build --locked
port=$(free_port)
start_service
wait_until_ready
python3 tests/schemathesis/prepare.py "http://127.0.0.1:$port" "$KEY" "$dir"
cp tests/schemathesis/schemathesis.toml "$dir"
SCHEMATHESIS_HOOKS=$PWD/tests/schemathesis/hooks.py API_KEY=$KEY "$VENV/bin/schemathesis" \
    --config-file "$dir/schemathesis.toml" \
    run "http://127.0.0.1:$port/openapi.json" --checks all "$@"
# Lost answers, which prepare.py asks for, are alerts. Any other error is one of the service's own.
if grep '"level":"ERROR"' "$dir/service.log" | grep -v '"alert":true' | head -n 20 | grep .; then
    echo 'The service logged the errors above.' >&2
    exit 1
fi
