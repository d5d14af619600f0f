#!/bin/sh
# How long the pages of the console take over a year of payments with their events and 20,000
# subscriptions, in milliseconds as a browser waits (p50 and the longest of 30), beside the list of
# payments that the API answers; and how much memory they cost. Ends with 1 when a page's p50 is not under
# 200 ms, or the service holds 5 MB more than after as many requests to the API alone.
#
#   cargo build --release --locked && sh bench/console.sh [payments] [program]
#
# Needs psql, curl, jq and Linux (/proc). DATABASE_URL names an empty database to use, as its owner.
set -eu

. "$(dirname "$0")/year.sh"

# post PATH JSON FIELD prints the field of the answer.
post() {
    curl -s -H 'Content-Type: application/json' -d "$2" "$base$1" >answer
    jq -re ".data.$3 // empty" answer || { cat answer >&2; return 1; }
}
sql -f "$here/events.sql"
start
card=$(post /billing/register '{"customerId": "user1", "customerName": "홍길동",
    "cardNumber": "4111111111111111", "expireDate": "2912", "birthDate": "900101", "cardPassword": "12"}' \
    billingKey)
for n in $(seq 50); do
    post /billing/subscribe "{\"billingKey\": \"$card\", \"customerId\": \"user1\", \"planId\": \"plan$n\",
        \"amount\": 9900, \"productName\": \"bench\", \"cycleDay\": $((1 + n % 28)), \"chargeNow\": true}" id
done >subscriptions
stop
sql -v copies=399 -f "$here/subscriptions.sql"
sql -c 'vacuum analyze'
start
until_closed

subscription=$(head -n 1 subscriptions)
half=$(sql -c "select count(*) / 2 from payments where order_no like 'ORDER-%'")
payment=$(sql -c "select id from payments where order_no = 'ORDER-$half'")
# What pages ask the API for: the service's memory before any page.
for path in /billing/payments /billing/subscriptions /events /audit /billing/overview /billing/movements; do
    for _ in $(seq 30); do curl -sf -o answer "$base$path"; done
done
before=$(memory VmRSS)
measure 'API: list of payments' 0 /billing/payments
measure '오늘, 30 days' 200 /console
measure '오늘, a year' 200 '/console?days=365'
measure '결제' 200 /console/payments
measure '결제: a card' 200 '/console/payments?card=1111'
measure '결제: a customer' 200 '/console/payments?customerId=customer7'
measure '결제: an order number' 200 "/console/payments?orderId=ORDER-$half"
measure '결제: an amount' 200 '/console/payments?minAmount=9123&maxAmount=9123'
measure '결제: declined' 200 '/console/payments?status=declined'
measure '결제: refunded' 200 '/console/payments?status=refunded'
measure '결제: a day' 200 "/console/payments?from=$(date -d '180 days ago' +%F)&to=$(date -d '179 days ago' +%F)"
measure '결제: one' 200 "/console/payments/$payment"
measure '환불' 200 /console/refunds
measure '알림' 200 /console/notifications
measure '구독' 200 /console/subscriptions
measure '구독: one with its timeline' 200 "/console/subscriptions/$subscription"
measure '고객' 200 '/console/customers'
measure '고객: one' 200 /console/customers/customer7
measure '카드' 200 /console/cards
measure '장부' 200 /console/books
measure '장부: a year by day' 200 "/console/books?from=$(date -d '365 days ago' +%F)&to=$(date +%F)"
measure '장부: movements' 200 /console/books/movements
measure '이벤트' 200 /console/events
measure '이벤트: a type' 200 '/console/events?type=payment.approved'
measure '대사' 200 /console/reconciliation
measure '감사' 200 /console/audit
measure '감사: an actor' 200 '/console/audit?actor=scheduler'
measure '상태' 200 /console/status
after=$(memory VmRSS)
echo "memory $before MB before the pages, $after MB after them"
[ $((after - before)) -lt 5 ] || failed=1
exit $failed
