#!/bin/sh
# Feeds /openapi.json to the tools that callers write their clients with, and compiles what comes out.
#
#   scripts/check-clients.sh         as CI does: linters, the types of TypeScript and Python, and the packages
#                                    in clients/, built and tested with a service
#   scripts/check-clients.sh all     every generator, compiled; clients in TypeScript, Python, PHP and Java
#                                    that pay, subscribe, refund and verify a delivery
#   scripts/check-clients.sh types   writes the types of the packages again
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
        [ -e /usr/share/php/GuzzleHttp/autoload.php ] ||
            scripts/apt-install.sh php-cli php-curl php-mbstring php-guzzlehttp-guzzle
        has jq || scripts/apt-install.sh jq
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
    php "$tests/run.php" "$tools/out/generator-php" "http://127.0.0.1:$port" "$receiver_port" "$SECRET"
    jar=$(find "$tools/lib" -name openapi-generator.jar)
    java -cp "$tools/out/generator-java/classes:$jar" Run "http://127.0.0.1:$port" "$receiver_port" "$SECRET"
}

# The packages as they would be published, and the programs of the documents that use them.
check_packages() {
    node_folder=$tools/out/package-typescript
    mkdir -p "$node_folder/node_modules"
    ln -sfn "$tools/node_modules" clients/typescript/node_modules
    (cd clients/typescript && npm pack --silent --pack-destination "$node_folder" >/dev/null)
    tar -xzf "$node_folder"/kiwoom-billing-*.tgz -C "$node_folder/node_modules"
    mv "$node_folder/node_modules/package" "$node_folder/node_modules/kiwoom-billing"
    cp -r clients/typescript/example clients/typescript/test clients/typescript/tsconfig*.json "$node_folder"
    echo '{"type": "module"}' >"$node_folder/package.json"
    "$tools/node_modules/.bin/tsc" --project "$node_folder/tsconfig.test.json"

    "$tools/bin/pip" install --quiet --disable-pip-version-check --no-deps --force-reinstall clients/python
    (cd clients/python && "$tools/bin/mypy" --no-incremental kiwoom_billing example tests)

    export BASE_URL="http://127.0.0.1:$port" RECEIVER_PORT="$receiver_port" SECRET
    (cd "$node_folder" && node --test --test-reporter spec build/test/)
    # From elsewhere: what is installed is tested, not the folder.
    (cd "$tools/out" && "$tools/bin/python" -P -m unittest discover -s "$OLDPWD/clients/python/tests")
    "$tools/bin/python" "$tests/documented.py" "$tools"
}

install_tools
cargo build --locked
port=$(free_port)
receiver_port=$(free_port)
start_service SCHEDULER_INTERVAL_SECS=1 \
    MERCHANT_WEBHOOK_URL="http://127.0.0.1:$receiver_port/webhooks" MERCHANT_WEBHOOK_SECRET="$SECRET"
wait_until_ready
python3 - "http://127.0.0.1:$port/openapi.json" >"$dir/openapi.json" <<'PYTHON'
import sys, urllib.request
sys.stdout.buffer.write(urllib.request.urlopen(sys.argv[1], timeout=10).read())
PYTHON
case $what in
types)
    "$tools/bin/python" clients/generate.py "$dir/openapi.json" "$tools"
    exit
    ;;
all)
    "$tools/bin/python" "$tests/check.py" "$dir/openapi.json" "$tools/out" "$tools"
    run_clients
    ;;
*)
    "$tools/bin/python" "$tests/check.py" "$dir/openapi.json" "$tools/out" "$tools" cheap
    ;;
esac
"$tools/bin/python" clients/generate.py "$dir/openapi.json" "$tools" --check
check_packages
