#!/bin/sh
# How long the books take to answer over a year of payments: the sums of each day and month, the list
# and its filters, in milliseconds as a caller waits (p50 and the longest of 30). Then the whole year as
# CSV and XLSX, with the service's memory before and after. Ends with 1 when a summary's p50 is not
# under 50 ms, or the exports take more than 100 MB.
#
#   cargo build --release --locked && sh bench/books.sh [payments] [program]
#
# Needs psql, curl and Linux (/proc). DATABASE_URL names an empty database to use, as its owner.
set -eu

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

"$program" migrate >/dev/null
psql -q "$DATABASE_URL" -v ON_ERROR_STOP=1 -v payments="$payments" -f "$here/payments.sql"
vacuum() { psql -q "$DATABASE_URL" -c 'vacuum analyze movements, movement_days'; }
vacuum

PORT=$port "$program" >service.log 2>&1 &
service=$!
trap 'kill $service 2>/dev/null; wait $service 2>/dev/null; rm -rf "$dir"' EXIT
for _ in $(seq 300); do
    curl -sf -o /dev/null "$base/health/ready" && break
    sleep 0.1
done
# The first pass closes all days before today.
for _ in $(seq 300); do
    closed=$(psql -qAt "$DATABASE_URL" -c 'select through is not null from movements_closed')
    [ "$closed" = t ] && break
    sleep 0.1
done
[ "$closed" = t ] || { echo "the days are not closed" >&2; cat service.log >&2; exit 1; }
vacuum

failed=0
# measure NAME LIMIT PATH: LIMIT in milliseconds, or 0.
measure() {
    for _ in $(seq 30); do
        curl -sf -o answer -w '%{time_total}\n' "$base$3"
    done | sort -n | awk -v name="$1" -v limit="$2" '{ v[NR] = $1 * 1000 }
        END { printf "%-32s p50 %7.1f ms  max %7.1f ms\n", name, v[15], v[NR]
            exit NR != 30 || (limit > 0 && v[15] >= limit) }' || failed=1
}
year="from=$(date -d '366 days ago' +%F)&to=$(date -d '2 days' +%F)"
half=$(date -d '180 days ago' +%F)
measure 'summary, a year by day' 50 "/billing/summary?$year"
measure 'summary, a year by month' 50 "/billing/summary?$year&by=month"
measure 'summary, today' 50 "/billing/summary?from=$(date -d '1 day ago' +%F)&to=$(date -d '2 days' +%F)"
measure 'movements' 0 '/billing/movements'
measure 'movements until half a year ago' 0 "/billing/movements?to=$half"
measure 'movements, by day moved' 0 "/billing/movements?date=moved&to=$half"
measure 'movements of a customer' 0 '/billing/movements?customerId=customer7'
measure 'movements, cancellations' 0 "/billing/movements?kind=cancellation&to=$half"
measure 'movements, by a method' 0 "/billing/movements?method=PAYCO&to=$half"
measure 'movements, method and kind' 0 "/billing/movements?method=PAYCO&kind=refund"
cursor=$(curl -sf "$base/billing/movements?limit=100&to=$half" | sed 's/.*"nextCursor":"\([^"]*\)".*/\1/')
measure 'movements, a later page' 0 "/billing/movements?limit=100&to=$half&cursor=$cursor"

memory() { awk "/^$1:/ { print int(\$2 / 1024) }" "/proc/$service/status"; }
before=$(memory VmRSS)
for kind in csv xlsx; do
    curl -sf -o "year.$kind" -w "%{time_total} %{size_download}\n" "$base/billing/movements.$kind" |
        awk -v kind=$kind '{ printf "%-32s %.1f s  %.1f MB\n", "the year as " kind, $1, $2 / 1e6 }'
done
rows=$(($(wc -l <year.csv) - 1))
peak=$(memory VmHWM)
echo "$rows movements; memory $before MB before the exports, $peak MB at most"
[ "$rows" -gt "$payments" ] && [ $((peak - before)) -lt 100 ] || failed=1
exit $failed
