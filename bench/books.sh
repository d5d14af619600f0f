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

. "$(dirname "$0")/year.sh"
sql -c 'vacuum analyze movements, movement_days'
start
until_closed

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
