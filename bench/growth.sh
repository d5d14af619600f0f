#!/bin/sh
# What grows with the books: every list with each of its filters, with a match and without, the audit, the
# summary, the pages of the console, claims and notices, over 10,000 payments and over a million with their
# events, refunds, subscriptions and deliveries. Both are asked in turns, so what the machine does beside it is
# in both. Prints the p50 of each and their ratio, what a payment takes on the disk with all that belongs to it,
# and the time and the memory of the CSV of all. Ends with 1 when a ratio is above 2, with at least 5 ms between
# them, in each of three measurements. Figures of all subscriptions are printed, and not judged.
#
#   cargo build --release --locked && sh bench/growth.sh [program] [payments] [times]
#
# Needs psql, python3 and Linux (/proc). DATABASE_URL names a database whose owner may make others on its server:
# one of each size is made there, and used again by the next run.
set -eu
: "${DATABASE_URL:?names a database beside which others may be made}"
exec python3 "$(dirname "$0")/growth.py" "${1:-target/release/kiwoom-billing}" "${2:-1000000}" "${3:-100}"
