#!/bin/sh
# How long it takes to forget, and what it costs those who charge meanwhile: a year of payments with their
# events, deliveries, notifications, answers and names, of which all but the last 90 days are forgotten in
# the service's steps of 1,000, one after the other, with no pause between them. Prints of each kind the
# rows, the seconds and the longest step (how long its locks are held), the milliseconds of a charge before
# and meanwhile, and the disk. Ends with 1 when a step takes more than two seconds (who waits
# for a lock gives up after ten), a charge fails, or something is left.
#
#   cargo build --release --locked && sh bench/retention.sh [payments] [program]
#
# Needs psql, curl and jq. DATABASE_URL names an empty database to use, as its owner.
set -eu

export RETENTION_ANSWERS_DAYS=0 RETENTION_DELIVERIES_DAYS=0 RETENTION_EVENTS_DAYS=0
export RETENTION_NOTIFICATIONS_DAYS=0 RETENTION_NAMES_DAYS=0 KIWOOM_RATE_PER_SEC=0
. "$(dirname "$0")/year.sh"
sql -f "$here/events.sql"
sql -f "$here/retention.sql" >/dev/null
start
until_closed

card=$(curl -s -H 'Content-Type: application/json' -d '{"customerId": "user1", "customerName": "홍길동",
    "cardNumber": "4111111111111111", "expireDate": "2912", "birthDate": "900101", "cardPassword": "12"}' \
    "$base/billing/register" | jq -re .data.billingKey)
order="{\"billingKey\": \"$card\", \"customerId\": \"user1\", \"amount\": 9900, \"productName\": \"bench\"}"

# charge FILE: one after the other, until FILE.over is there.
charge() {
    while [ ! -e "$1.over" ]; do
        curl -s -o /dev/null -w '%{http_code} %{time_total}\n' -H 'Content-Type: application/json' \
            -d "$order" "$base/billing/pay" >>"$1"
    done
}
# figures FILE NAME
figures() {
    cut -d' ' -f2 "$1" | sort -n | awk -v name="$2" -v codes="$(cut -d' ' -f1 "$1" | sort | uniq -c | xargs)" '
        { v[NR] = $1 * 1000 }
        END { printf "charges %-12s %6d  p50 %7.1f ms  p99 %7.1f ms  max %7.1f ms  (%s)\n", name, NR,
            v[int(NR * 0.5 + 0.5)], v[int(NR * 0.99 + 0.5)], v[NR], codes }'
    ! cut -d' ' -f1 "$1" | grep -qv 200 || failed=1
}
disk() {
    sql -c "select pg_size_pretty(sum(pg_total_relation_size(oid::regclass))) from pg_class
        where relname in ('events', 'event_deliveries', 'delivery_attempts', 'notifications',
            'idempotency_keys', 'payments')"
}

charge before &
sleep 20
touch before.over
wait $!
figures before 'before'
echo "disk before: $(disk)"

charge during &
charging=$!
for kind in answers deliveries events notifications names; do
    sql -v kind="$kind" <<'SQL' | awk -F'|' '
        { printf "%-14s %9d rows  %6.1f s  longest of %d steps %6.0f ms\n", $1, $2, $3, $5, $4 }
        END { exit NR != 1 || $4 > 2000 }' || failed=1
create temp table steps (rows int, millis float);
select set_config('bench.kind', :'kind', false) \g /dev/null
do $$
declare
    began timestamptz;
    taken int;
begin
    loop
        began := clock_timestamp();
        taken := forget(current_setting('bench.kind'), now() - interval '90 days', 1000);
        insert into steps values (taken, extract(epoch from clock_timestamp() - began) * 1000);
        commit;
        exit when taken < 1000;
    end loop;
end $$;
select current_setting('bench.kind'), sum(rows), sum(millis) / 1000, max(millis), count(*) from steps;
SQL
done
touch during.over
wait "$charging"
figures during 'meanwhile'
echo "disk after:  $(disk)"
sql -c 'vacuum events, event_deliveries, delivery_attempts, notifications, idempotency_keys, payments'
echo "disk after vacuum: $(disk), and what is free in it is used again"

left=$(sql -c "select (select count(*) from events where created_at < now() - interval '91 days')
    + (select count(*) from event_deliveries d join events e on e.id = d.event_id
        where e.created_at < now() - interval '91 days')
    + (select count(*) from notifications where last_at < now() - interval '91 days' and raw <> '')
    + (select count(*) from idempotency_keys where started_at < now() - interval '91 days' and body is not null)
    + (select count(*) from payments where created_at < now() - interval '91 days' and customer_name <> '')")
echo "$left left of what is too old"
[ "$left" -eq 0 ] || failed=1
exit $failed
