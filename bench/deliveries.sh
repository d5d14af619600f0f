#!/bin/sh
# What it takes to find the next delivery, and how many events a second reach a receiver on the same
# machine, with 500, 2,000, 8,000 and 100,000 that wait; and what it takes to find it with 200,000: in one stream,
# in 50,000 streams, with a receiver that is down, and when an older version has put all of them on the
# list as due. Milliseconds of PostgreSQL (p50 and the longest of 30).
#
#   cargo build --release --locked && sh bench/deliveries.sh [program]
#
# Needs psql, curl, jq and python3. DATABASE_URL names an empty database to use, as its owner.
set -eu

program=$(realpath "${1:-target/release/kiwoom-billing}")
here=$(realpath "$(dirname "$0")")
: "${DATABASE_URL:?names an empty database to use}"
port=${PORT:-3931}
receiver_port=$((port + 1))
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
cd "$dir"

sql() { psql -qAtX -v ON_ERROR_STOP=1 "$@" "$DATABASE_URL"; }

# fill EVENTS STREAMS: events that are published and wait for their delivery.
fill() {
    sql -v count="$1" -v streams="$2" -f "$here/deliveries.sql"
}

# claim NAME: times the claim, each time as if it were the first one.
claim() {
    for _ in $(seq 30); do
        sql -f "$here/claim.sql" | jq -r '.[0]["Execution Time"]'
    done | sort -n | awk -v name="$1" '{ v[NR] = $1 }
        END { printf "%-54s p50 %7.2f ms  max %7.2f ms\n", name, v[15], v[NR]; exit NR != 30 }'
}

# deliver EVENTS STREAMS: starts the service and a receiver, and waits until all are delivered.
deliver() {
    fill "$1" "$2"
    claim "$1 waiting, streams $2: a claim"
    python3 "$here/receiver.py" "$receiver_port" >received &
    receiver=$!
    trap 'kill $receiver 2>/dev/null; rm -rf "$dir"' EXIT
    until curl -s -o /dev/null -d '' -m 1 "http://127.0.0.1:$receiver_port/"; do sleep 0.1; done
    PORT=$port DATA_DIR="$dir/data" RUST_LOG=warn \
        MERCHANT_WEBHOOK_URL="http://127.0.0.1:$receiver_port/events" \
        MERCHANT_WEBHOOK_SECRET=whsec_YmVuY2gtc2VjcmV0LW9mLTI0LWJ5dGVzLS0tLS0= \
        "$program" >service.log 2>&1 &
    service=$!
    trap 'kill $service $receiver 2>/dev/null; wait $service 2>/dev/null; rm -rf "$dir"' EXIT
    waited=0
    until curl -sf -o /dev/null "http://127.0.0.1:$port/health/ready"; do
        sleep 0.1
        waited=$((waited + 1))
        [ $waited -lt 300 ] || { cat service.log >&2; exit 1; }
    done
    waited=0
    while [ "$(sql -c "select exists (select from event_deliveries where state = 'waiting')")" = t ]; do
        sleep 0.2
        waited=$((waited + 1))
        [ $waited -lt 3000 ] || { cat service.log >&2; exit 1; }
    done
    kill "$service" "$receiver"
    wait "$service" "$receiver" || true
    trap 'rm -rf "$dir"' EXIT
    printf '%-54s %s\n' "$1 waiting, streams $2: delivered" "$(cat received)"
}

DATA_DIR="$dir/data" "$program" migrate >/dev/null
for waiting in 500 2000 8000; do
    deliver $waiting $((waiting / 4))
    deliver $waiting 1
done
deliver 100000 25000
fill 200000 1
claim '200000 waiting in 1 stream'
fill 200000 50000
claim '200000 waiting in 50000 streams'
sql -c "update event_deliveries set attempts = 3, next_at = now() + interval '2 minutes'
    where next_at < 'infinity'" -c 'vacuum analyze event_deliveries'
claim '200000 waiting in 50000 streams, the receiver is down'
sql -c 'update event_deliveries set next_at = now()' -c 'vacuum analyze event_deliveries'
claim '200000 waiting in 50000 streams, all of them due'
fill 200000 1
sql -c 'update event_deliveries set next_at = now()' -c 'vacuum analyze event_deliveries'
claim '200000 waiting in 1 stream, all of them due'
