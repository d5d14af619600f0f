#!/bin/sh
# How `keys rotate` fares with many billing keys while cards are charged: how long it takes, whether
# a charge fails, and how long charges take in milliseconds (p50, p99, longest), before the rotation
# and during it. Ends with 1 when a charge failed or an old value is left.
#
#   cargo build --release --locked && sh bench/rotate.sh [billing keys] [callers] [program]
#
# DATABASE_URL names an empty database to use; without it the service starts a private one.
set -eu

keys=${1:-100000}
callers=${2:-4}
program=$(realpath "${3:-target/release/kiwoom-billing}")
port=${PORT:-3921}
gateway_port=$((port + 1))
dir=$(mktemp -d)
base=http://127.0.0.1:$port
gateway=http://127.0.0.1:$gateway_port/sandbox

cd "$dir"
env -u DATABASE_URL DATA_DIR="$dir/gateway" "$program" sandbox --port "$gateway_port" \
    >gateway.log 2>&1 &
gateway_pid=$!
export DATA_DIR="$dir/service" KIWOOM_BASE_URL="$gateway" RUST_LOG=warn
PORT=$port "$program" >service.log 2>&1 &
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
seconds_since() {
    echo "$1 $(date +%s.%N)" | awk '{ print $2 - $1 }'
}
ready "$gateway/clock"
ready "$base/health/ready"

# One card, whose AUTOKEY all billing keys have: the gateway knows it, so each can be charged.
curl -sSf -o /dev/null -H 'Content-Type: application/json' -d '{"cardNumber":"4111111111111111",
    "expireDate":"2912","cardPassword":"12","birthDate":"901231","customerName":"홍길동",
    "customerId":"user123"}' "$base/billing/register"
autokey=$(sed -n 's/.*"autoKey":"\([^"]*\)".*/\1/p' gateway/sandbox/ledger.jsonl | head -1)
{
    echo customerId,customerName,customerEmail,autokey,cardCompanyCode,cardNumber
    seq "$keys" | sed "s/.*/user-&,Hong,,$autokey,CVSF,411111******1111/"
} >keys.csv
began=$(date +%s.%N)
"$program" import keys.csv >imported
sed -n 's/^line [0-9]*: ok \(bk_[^ ]*\) \(.*\)/\1 \2/p' imported >targets
echo "$(wc -l <targets) billing keys imported in $(seconds_since "$began") s"

# Charges keys from anywhere in the table, one after another, until the phase has ended.
charge() {
    while [ ! -e ended ]; do
        shuf -n 20 targets | awk -v base="$base" '
            NR > 1 { print "next" }
            { printf "url = \"%s/billing/pay\"\noutput = \"/dev/null\"\nsilent\n", base
              print "header = \"Content-Type: application/json\""
              print "write-out = \"%{http_code} %{time_total}\\n\""
              printf "data = \"{\\\"billingKey\\\":\\\"%s\\\",\\\"customerId\\\":\\\"%s\\\",", $1, $2
              print "\\\"amount\\\":9900,\\\"productName\\\":\\\"bench\\\"}\"" }' >"$1-$2.calls"
        curl -K "$1-$2.calls" >>"$1-$2" || true
    done
}
# phase NAME COMMAND…: runs the command while callers charge.
phase() {
    name=$1
    shift
    rm -f ended
    pids=
    for n in $(seq "$callers"); do
        charge "$name" "$n" &
        pids="$pids $!"
    done
    "$@"
    touch ended
    wait $pids
    cat "$name"-[0-9] | grep -v '^$' >"$name"
    awk '{ print $2 * 1000 }' "$name" | sort -n >sorted
    awk -v name="$name" -v codes="$(cut -d' ' -f1 "$name" | sort | uniq -c | xargs)" '{ v[NR] = $1 }
        END { p50 = int(NR * 0.50 + 0.5); p99 = int(NR * 0.99 + 0.5)
            printf "  %-14s %5d charges  p50 %7.1f  p99 %7.1f  max %7.1f   (%s)\n",
                name, NR, v[p50], v[p99], v[NR], codes }' sorted
}
rotate() {
    began=$(date +%s.%N)
    "$program" keys rotate >told 2>progress
    took=$(seconds_since "$began")
}

echo "$callers callers charge:"
phase before sleep 15
phase during rotate
cat told
again=$(sed -n 's/.*(billing keys encrypted again): //p' told)
left=$(sed -n 's/.*(billing keys of older data keys left): //p' told)
failed=$(cat before during | grep -vc '^200 ' || true)
echo "$again $took" | awk '{ printf "%d rows in %.1f s, %d rows a second\n", $1, $2, $1 / $2 }'
echo "failed charges: $failed, old rows left: $left"
[ "$failed" = 0 ] && [ "$left" = 0 ]
