#!/bin/sh
# Feeds /openapi.json to the tools that callers write their clients with, and compiles what comes out.
#
#   scripts/check-clients.sh         as CI does: linters, and the types of TypeScript and Python
#   scripts/check-clients.sh all     every generator, compiled; clients in TypeScript and Python that pay,
#                                    subscribe, refund and verify a delivery. Needs a JDK, Node and PHP.
#
# What was said of each tool is in target/clients/out/*.log.
set -eu
cd "$(dirname "$0")/.."
. scripts/service.sh

what=${1:-cheap}
tests=$PWD/tests/clients
tools=${CARGO_TARGET_DIR:-$PWD/target}/clients
receiver_port=
SECRET=whsec_Y2xpZW50cy10ZXN0LXNlY3JldC0yNC1ieXRlcw==

install_tools() {
    mkdir -p "$tools"
    if ! cmp -s "$tests/package-lock.json" "$tools/package-lock.json" || [ ! -e "$tools/$what-installed" ]; then
        cp "$tests/package.json" "$tests/package-lock.json" "$tools"
        # No tool runs a program of its own to be installed.
        npm ci --prefix "$tools" --ignore-scripts --no-fund --no-audit --silent \
            $([ "$what" = all ] || echo --omit=dev)
        touch "$tools/$what-installed"
    fi
    if [ "$what" = all ]; then
        install_python "$tools" "$tests/requirements.txt" "$tests/requirements-nightly.txt"
        has php || scripts/apt-install.sh php-cli
        has javac || scripts/apt-install.sh openjdk-17-jdk-headless
    else
        install_python "$tools" "$tests/requirements.txt"
    fi
}

# The clients as a merchant's backend would run them, one after the other.
run_clients() {
    cp "$tests/run.ts" "$tools/out/openapi-typescript"
    cp "$tests/package.json" "$tools/out/openapi-typescript"
    (cd "$tools/out/openapi-typescript" && "$tools/node_modules/.bin/tsc" --noEmit false --outDir js --project .)
    cp "$tests/run.py" "$tools/out"
    node "$tools/out/openapi-typescript/js/run.js" "http://127.0.0.1:$port" "$receiver_port" "$SECRET"
    "$tools/bin/python" "$tools/out/run.py" "http://127.0.0.1:$port" "$receiver_port" "$SECRET"
}

install_tools
cargo build --locked
port=$(free_port)
receiver_port=$(free_port)
start_service SCHEDULER_INTERVAL_SECS=1 \
    MERCHANT_WEBHOOK_URL="http://127.0.0.1:$receiver_port/" MERCHANT_WEBHOOK_SECRET="$SECRET"
wait_until_ready
python3 - "http://127.0.0.1:$port/openapi.json" >"$dir/openapi.json" <<'PYTHON'
import sys, urllib.request
sys.stdout.buffer.write(urllib.request.urlopen(sys.argv[1], timeout=10).read())
PYTHON
if [ "$what" = all ]; then
    "$tools/bin/python" "$tests/check.py" "$dir/openapi.json" "$tools/out" "$tools"
    run_clients
else
    "$tools/bin/python" "$tests/check.py" "$dir/openapi.json" "$tools/out" "$tools" cheap
fi
