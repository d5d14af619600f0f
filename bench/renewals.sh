#!/bin/sh
# What the schedule charges when thousands of subscriptions are due at once: renewals a second, CPU of the service
# and of PostgreSQL for each, and how many calls of step 2 KiwoomPay got within any second. A private PostgreSQL
# with fsync on and a sandbox of its own for each program. With two programs they follow each other.
#
#   cargo build --release --locked && sh bench/renewals.sh [--due 10000] [--processes 1] [--rate 0] \
#       [--latency-ms 0] [--callers 0] [--seconds 120] PROGRAM [BEFORE]
#
# --rate sets KIWOOM_RATE_PER_SEC, --latency-ms delays the answers of step 2 (at most 9,000 of them), --callers
# charge besides. Needs what charge.sh needs.
set -eu
exec python3 -B "$(dirname "$0")/renewals.py" "$@"
