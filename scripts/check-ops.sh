#!/bin/sh
# Checks what is in ops/: that promtool takes the rules and the example of prometheus.yml, that the rules'
# scenarios hold, and that rules and dashboard ask only for what the service exports. Starts no server.
# Without promtool, the one in Debian's package prometheus is unpacked below target/ci-tools.
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
