# Sourced by the benches that ask a service over a year of payments: an empty database that is migrated
# and filled, and what they do with the service. `payments` and `program` are the script's arguments.

payments=${1:-1000000}
program=$(realpath "${2:-target/release/kiwoom-billing}")
here=$(realpath "$(dirname "$0")")
: "${DATABASE_URL:?names an empty database to use}"
port=${PORT:-3921}
base=http://127.0.0.1:$port
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
cd "$dir"
export DATA_DIR="$dir/data" RUST_LOG=warn

sql() { psql -qAtX -v ON_ERROR_STOP=1 -v payments="$payments" "$@" "$DATABASE_URL"; }

start() {
    PORT=$port "$program" >>service.log 2>&1 &
    service=$!
    trap 'kill $service 2>/dev/null; wait $service 2>/dev/null; rm -rf "$dir"' EXIT
    for _ in $(seq 300); do
        curl -sf -o /dev/null "$base/health/ready" && return
        sleep 0.1
    done
    cat service.log >&2
    exit 1
}

stop() {
    kill "$service"
    wait "$service" || true
}

# The first pass closes all days before today.
until_closed() {
    for _ in $(seq 300); do
        if [ "$(sql -c 'select through is not null from movements_closed')" = t ]; then
            sql -c 'vacuum analyze movements, movement_days'
            return
        fi
        sleep 0.1
    done
    echo "the days are not closed" >&2
    cat service.log >&2
    exit 1
}

failed=0
# measure NAME LIMIT PATH: LIMIT in milliseconds, or 0.
measure() {
    for _ in $(seq 30); do
        curl -sf -o answer -w '%{time_total}\n' "$base$3"
    done | sort -n | awk -v name="$1" -v limit="$2" '{ v[NR] = $1 * 1000 }
        END { printf "%-44s p50 %7.1f ms  max %7.1f ms\n", name, v[15], v[NR]
            exit NR != 30 || (limit > 0 && v[15] >= limit) }' || failed=1
}

# memory VmRSS | VmHWM: of the service, in MB.
memory() { awk "/^$1:/ { print int(\$2 / 1024) }" "/proc/$service/status"; }

"$program" migrate >/dev/null
sql -f "$here/payments.sql"
