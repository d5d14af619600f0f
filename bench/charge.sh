#!/bin/sh
# What one charge costs: POST /billing/pay with an API key of the table and an Idempotency-Key, a private
# PostgreSQL with fsync on for each program, one sandbox as the gateway. Counted, with one caller: statements,
# transactions, flushes of the WAL and its bytes, rows written, growth of the database. Measured, with 8 and 32
# callers: charges a second, p50 and p99, milliseconds of CPU of the service and of PostgreSQL (from /proc).
# With two programs, BEFORE and AFTER, they take turns, round by round; the last column is AFTER : BEFORE.
#
#   cargo build --release --locked && sh bench/charge.sh [--counts] [--rounds 3] [--seconds 10] PROGRAM [BEFORE]
#
# --counts leaves out what depends on the machine and its other work. Needs Linux (/proc), python3, and
# PostgreSQL 14 or later with pg_stat_statements (postgresql-contrib).
set -eu
exec python3 -B "$(dirname "$0")/charge.py" "$@"
