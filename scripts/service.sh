# What scripts that call the service share; they read it with `.` and end with `stop_service`. The service
# has the sandbox, a database of its own, and nothing of the caller's environment: a setting there would
# change what is tested.

# Of this run: logs, data, and what is made for it.
dir=$(mktemp -d)
# The database refuses to run under root's own folder rights otherwise.
chmod 755 "$dir"
service=

has() {
    command -v "$1" >/dev/null 2>&1
}

# install_python FOLDER FILE…: an environment with what the files name, and nothing else.
install_python() {
    folder=$1
    shift
    if ! python3 -c 'import venv, ensurepip' 2>/dev/null; then
        has apt-get || { echo 'Python 3 with venv is needed' >&2 && exit 1; }
        scripts/apt-install.sh python3-venv
    fi
    cat "$@" | cmp -s - "$folder/installed" && return
    rm -rf "$folder/bin" "$folder/lib"
    python3 -m venv "$folder"
    for file in "$@"; do
        "$folder/bin/pip" install --quiet --disable-pip-version-check --no-deps -r "$file"
    done
    cat "$@" >"$folder/installed"
}

free_port() {
    python3 -c '
import socket
s = socket.socket()
s.bind(("127.0.0.1", 0))
print(s.getsockname()[1])'
}

# start_service NAME=VALUE…: on $port, with these settings.
start_service() {
    env -i PATH="$PATH" HOME="$dir" TMPDIR="${TMPDIR:-/tmp}" \
        PORT="$port" DATA_DIR="$dir/data" LOG_FORMAT=json RUST_LOG=info \
        ${PG_BIN_DIR:+PG_BIN_DIR="$PG_BIN_DIR"} "$@" \
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
stop_service() {
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

trap stop_service EXIT
trap 'exit 130' INT TERM
