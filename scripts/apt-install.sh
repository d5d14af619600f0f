#!/bin/sh
# Installs Debian packages, as root or by sudo, and starts no service of theirs: apt-install.sh PACKAGE…
set -eu

as_root=
[ "$(id -u)" -eq 0 ] || as_root=sudo
$as_root apt-get update -qq
$as_root env DEBIAN_FRONTEND=noninteractive RUNLEVEL=1 \
    apt-get install -y -qq --no-install-recommends "$@" </dev/null >/dev/null
