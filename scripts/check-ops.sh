#!/bin/sh
# Checks what is in ops/: that promtool takes the rules and the example of prometheus.yml, that the rules'
# scenarios hold, and that rules and dashboard ask only for what the service exports; that the manifests of
# Kubernetes, the files of Compose and the systemd unit are such. Starts no server. Without promtool, the
# one in Debian's package prometheus is unpacked below target/ci-tools; npm packages are installed there.
set -eu
cd "$(dirname "$0")/.."

TOOLS=$PWD/target/ci-tools
PATH=$PATH:$TOOLS/bin

# Downloading needs no root, but new lists of packages do.
download() {
    apt-get download -qq -o APT::Sandbox::User=root prometheus && return
    if [ "$(id -u)" -eq 0 ]; then apt-get update -qq; else sudo apt-get update -qq; fi
    apt-get download -qq -o APT::Sandbox::User=root prometheus
}

# Not by installing the package, which would start Prometheus.
install_promtool() {
    if ! command -v apt-get >/dev/null; then
        echo 'check-ops: no promtool and no apt-get here. Please install Prometheus by hand.' >&2
        exit 1
    fi
    mkdir -p "$TOOLS/bin"
    (
        cd "$scratch"
        download
        dpkg -x prometheus_*.deb .
        mv usr/bin/promtool "$TOOLS/bin"
    ) >&2
}

scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
command -v promtool >/dev/null || install_promtool

promtool check rules --lint-fatal ops/prometheus/alerts.yml
# The key is not there.
promtool check config --syntax-only ops/prometheus/prometheus.yml
scripts/check-ops-names.py "$scratch/dashboard.yml"
promtool check rules --lint=none "$scratch/dashboard.yml"
promtool test rules ops/prometheus/*_test.yml

NPM='dclint@3.1.0 kubernetes-types@1.30.0 typescript@5.9.3 yaml@2.9.1'
manifests=$TOOLS/manifests
if [ "$(cat "$manifests/installed" 2>/dev/null)" != "$NPM" ]; then
    mkdir -p "$manifests"
    # Words, each a package.
    # shellcheck disable=SC2086
    npm install --prefix "$manifests" --silent --no-audit --no-fund $NPM
    echo "$NPM" >"$manifests/installed"
fi
node scripts/check-manifests.mjs "$manifests" ops/kubernetes/*.yaml
# Compose's own schema, and none of the linter's opinions on the build.
"$manifests/node_modules/.bin/dclint" compose.yaml compose.production.yaml \
    --quiet --disable-rule no-build-and-image service-image-require-explicit-tag
echo 'compose: 2 files'

if command -v systemd-analyze >/dev/null; then
    # The program is not where the unit expects it.
    unit=$scratch/kiwoom-billing.service
    sed 's#/usr/local/bin/kiwoom-billing#/bin/true#' ops/systemd/kiwoom-billing.service >"$unit"
    # It warns of what it does not know, and says that all is well.
    told=$(systemd-analyze verify --man=no "$unit" 2>&1) || true
    if [ -n "$told" ]; then
        echo "$told"
        exit 1
    fi
    # In tenths: how much of the machine is within reach.
    systemd-analyze security --offline=true --threshold=20 "$unit" >"$scratch/exposure" ||
        { cat "$scratch/exposure" && exit 1; }
    tail -n 1 "$scratch/exposure"
else
    echo 'skipped: systemd-analyze is not installed'
fi
