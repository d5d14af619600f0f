#!/bin/sh
# Makes sure that this machine has what the service needs to build and run without an account
# anywhere: a C compiler and a PostgreSQL of version 14 or later, whose programs the service starts
# by itself. With --browser also Chromium, its driver and a Korean font, for the browser test.
# Does nothing for what is there already, so it may run before every start.
set -eu

OLDEST_MAJOR=14

has() {
    command -v "$1" >/dev/null 2>&1
}

say() {
    printf 'install-postgres: %s\n' "$*" >&2
}

# Whether folder $1 has a PostgreSQL server that is new enough.
usable() {
    [ -x "$1/postgres" ] && [ -x "$1/initdb" ] || return 1
    major=$("$1/postgres" --version 2>/dev/null | sed 's/^[^0-9]*\([0-9]*\).*/\1/')
    [ "${major:-0}" -ge "$OLDEST_MAJOR" ]
}

# A link in PATH leads to the folder where initdb has what it needs. Old systems lack `-f`.
real_path() {
    readlink -f "$1" 2>/dev/null || echo "$1"
}

# The places where the service looks, in the same order.
have_postgres() {
    if [ -n "${PG_BIN_DIR:-}" ]; then
        usable "$PG_BIN_DIR"
        return
    fi
    if has pg_config && usable "$(pg_config --bindir)"; then
        return 0
    fi
    if has postgres && usable "$(dirname "$(real_path "$(command -v postgres)")")"; then
        return 0
    fi
    for dir in /usr/lib/postgresql/*/bin /usr/pgsql-*/bin \
        /opt/homebrew/opt/postgresql*/bin /usr/local/opt/postgresql*/bin; do
        if usable "$dir"; then
            return 0
        fi
    done
    return 1
}

have_browser() {
    has chromedriver && { has chromium || has chromium-browser || has google-chrome; } &&
        have_korean_font
}

# Without one the pictures of the pages show boxes. Systems without fontconfig bring their own.
have_korean_font() {
    ! has fc-list || [ -n "$(fc-list :lang=ko family)" ]
}

as_root() {
    if [ "$(id -u)" -eq 0 ]; then
        "$@"
    elif has sudo; then
        sudo "$@"
    else
        say "this needs root, and there is no sudo here. Run as root: $*"
        exit 1
    fi
}

apt_install() {
    as_root env DEBIAN_FRONTEND=noninteractive apt-get update -qq
    as_root env DEBIAN_FRONTEND=noninteractive \
        apt-get install -y -qq --no-install-recommends \
        -o Dpkg::Options::=--force-confold "$@" </dev/null >&2
}

# The package would start a server of its own for the whole machine; the service needs only the
# programs. A machine that has PostgreSQL's configuration already keeps it as it is.
without_system_server() {
    conf=/etc/postgresql-common/createcluster.conf
    if [ ! -e "$conf" ]; then
        as_root mkdir -p /etc/postgresql-common
        echo 'create_main_cluster = false' | as_root tee "$conf" >/dev/null
    fi
}

install_with_apt() {
    packages=''
    if [ "$need_postgres" = yes ]; then
        without_system_server
        packages="$packages postgresql"
    fi
    [ "$need_cc" = no ] || packages="$packages build-essential"
    [ "$need_browser" = no ] || packages="$packages $(apt_browser_packages)"
    # shellcheck disable=SC2086 # one word per package
    apt_install $packages
}

# Ubuntu's chromium is a snap, which brings its driver along under another name.
apt_browser_packages() {
    if grep -q '^ID=ubuntu' /etc/os-release 2>/dev/null; then
        echo 'chromium-browser chromium-chromedriver fonts-nanum'
    else
        echo 'chromium chromium-driver fonts-nanum'
    fi
}

install_with_dnf() {
    packages=''
    [ "$need_postgres" = no ] || packages="$packages postgresql-server"
    [ "$need_cc" = no ] || packages="$packages gcc gcc-c++ make"
    [ "$need_browser" = no ] ||
        packages="$packages chromium chromedriver google-noto-sans-cjk-fonts"
    # shellcheck disable=SC2086 # one word per package
    as_root dnf install -y -q $packages >&2
}

install_with_brew() {
    if [ "$need_postgres" = yes ]; then
        brew install postgresql@17 >&2
    fi
    if [ "$need_browser" = yes ]; then
        brew install --cask chromium chromedriver >&2
    fi
    if [ "$need_cc" = yes ]; then
        say "there is no C compiler: run 'xcode-select --install' and try again"
        exit 1
    fi
}

explain() {
    say "no apt-get, dnf or brew here. Please install by hand:"
    [ "$need_postgres" = no ] || say "  PostgreSQL $OLDEST_MAJOR or later (postgres, initdb), or set
    PG_BIN_DIR to the folder that has them, or DATABASE_URL to a server that you have"
    [ "$need_cc" = no ] || say "  a C compiler, as 'cc'"
    [ "$need_browser" = no ] || say '  Chromium and chromedriver'
    exit 1
}

need_postgres=no
need_cc=no
need_browser=no
# Another server will be used, so none has to be here.
[ -n "${DATABASE_URL:-}" ] || have_postgres || need_postgres=yes
has cc || need_cc=yes
case "${1:-}" in
'') ;;
--browser) have_browser || need_browser=yes ;;
*)
    say "unknown option $1; the only one is --browser"
    exit 2
    ;;
esac

if [ "$need_postgres$need_cc$need_browser" = nonono ]; then
    exit 0
fi
say "installing: PostgreSQL $need_postgres, C compiler $need_cc, browser $need_browser"
if has apt-get; then
    install_with_apt
elif has dnf; then
    install_with_dnf
elif has brew; then
    install_with_brew
else
    explain
fi

if [ "$need_postgres" = yes ] && ! have_postgres; then
    say "the packages are installed, but no PostgreSQL $OLDEST_MAJOR or later is among them"
    exit 1
fi
