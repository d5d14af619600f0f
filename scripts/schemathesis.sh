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
. scripts/service.sh

VENV=${CARGO_TARGET_DIR:-$PWD/target}/schemathesis
# Any 24 characters: the service lives for this run.
KEY=key-of-the-schemathesis-run

install_python "$VENV" tests/schemathesis/requirements.txt
cargo build --locked
port=$(free_port)
start_service API_KEYS="$KEY" AUTH_FAILURES_PER_MINUTE=0 \
    KAKAOPAY_ENABLED=true NAVERPAY_ENABLED=true SAMSUNGPAY_ENABLED=true PAYCO_ENABLED=true \
    MERCHANT_WEBHOOK_URL="http://127.0.0.1:$port/health/live" \
    MERCHANT_WEBHOOK_SECRET=whsec_c2NoZW1hdGhlc2lzLXRlc3Qtc2VjcmV0LTI0Lw==
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
