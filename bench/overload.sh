#!/bin/sh
# How long health checks, reads and notifications take while a gateway hangs and 500 callers want to
# pay. Prints milliseconds: p50, p99 and the longest, before the flood and during it.
#
#   cargo build --locked && sh bench/overload.sh [seconds] [program]
#
# DATABASE_URL names a database to use; without it the service starts a private one.
set -eu

seconds=${1:-15}
program=$(realpath "${2:-target/debug/kiwoom-billing}")
port=${PORT:-3911}
gateway_port=$((port + 1))
dir=$(mktemp -d)
base=http://127.0.0.1:$port
gateway=http://127.0.0.1:$gateway_port/sandbox

cd "$dir"
env -u DATABASE_URL DATA_DIR="$dir/gateway" "$program" sandbox --port "$gateway_port" \
    >gateway.log 2>&1 &
gateway_pid=$!
DATA_DIR="$dir/service" PORT=$port KIWOOM_BASE_URL=$gateway RUST_LOG=warn "$program" \
    >service.log 2>&1 &
service_pid=$!
trap 'kill $service_pid $gateway_pid 2>/dev/null; wait $service_pid 2>/dev/null; rm -rf "$dir"' EXIT

ready() {
    for _ in $(seq 300); do
        curl -sf -o /dev/null "$1" && return
        sleep 0.1
    done
    echo "$1 does not answer" >&2
    cat "$dir/service.log" >&2
    exit 1
}
post() {
    curl -sSf -H 'Content-Type: application/json' -d "$2" "$1"
}
ready "$gateway/clock"
ready "$base/health/ready"

key=$(post "$base/billing/register" '{"cardNumber":"4111111111111111","expireDate":"2912",
    "cardPassword":"12","birthDate":"901231","customerName":"홍길동","customerId":"user123"}' |
    sed 's/.*"billingKey":"\([^"]*\)".*/\1/')
order=ORDER-$$
post "$base/easypay/prepare" "{\"orderId\":\"$order\",\"amount\":9900,\"productName\":\"구독\",
    \"customerName\":\"홍길동\"}" >prepared
cpid=$(sed 's/.*"CPID":"\([^"]*\)".*/\1/' prepared)
notification="PAYMETHOD=KAKAOPAY&CPID=$cpid&DAOUTRX=t$$&ORDERNO=$order&AMOUNT=9900"

# One address again and again for so many seconds, on connections of its own.
probe() {
    end=$(($(date +%s) + $3))
    while [ "$(date +%s)" -lt "$end" ]; do
        curl -s -o /dev/null -w '%{http_code} %{time_total}\n' "$2" >>"$1"
        sleep 0.02
    done
}
figures() {
    awk '{ print $2 * 1000 }' "$1" | sort -n >sorted
    awk -v name="$1" -v codes="$(cut -d' ' -f1 "$1" | sort | uniq -c | xargs)" '{ v[NR] = $1 }
        END { p50 = int(NR * 0.50 + 0.5); p99 = int(NR * 0.99 + 0.5)
            printf "  %-14s %5d  p50 %7.1f  p99 %7.1f  max %7.1f   (%s)\n",
                name, NR, v[p50], v[p99], v[NR], codes }' sorted
}
measure() {
    rm -f live ready payments notification
    probe live "$base/health/live" "$1" &
    a=$!
    probe ready "$base/health/ready" "$1" &
    b=$!
    probe payments "$base/billing/payments" "$1" &
    c=$!
    probe notification "$base/webhook/kiwoom?$notification" "$1" &
    wait $a $b $c $!
    for name in live ready payments notification; do figures $name; done
}

echo "before, $((seconds / 3)) seconds:"
measure $((seconds / 3))

post "$gateway/faults" '{"on":"READY","kind":"delay_before","delayMs":30000,"times":1000}' >/dev/null
body="{\"billingKey\":\"$key\",\"customerId\":\"user123\",\"amount\":9900,\"productName\":\"결제\"}"
for n in $(seq 250); do
    printf 'url = "%s/billing/pay"\noutput = "/dev/null"\n' "$base"
done >callers
flood() {
    curl -s -K callers --parallel --parallel-immediate --parallel-max 250 \
        -H 'Content-Type: application/json' -d "$body" -w '%{http_code} %{time_total}\n' 2>/dev/null
}
flood >paid-1 &
first=$!
flood >paid-2 &
second=$!
echo "while 500 callers pay at a gateway that hangs, $seconds seconds:"
measure "$seconds"
echo "memory of the service: $(awk '/VmRSS/ { print $2 / 1024 }' /proc/$service_pid/status) MiB"
wait $first $second
echo "the 500 callers were answered:"
for code in $(cat paid-1 paid-2 | cut -d' ' -f1 | sort -u); do
    cat paid-1 paid-2 | grep "^$code " >"$code"
    figures "$code"
done
