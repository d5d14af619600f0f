#!/bin/sh
# Our service beside two small ones in Node, Express 5 and Fastify 5 with `pg` (bench/peers), and the floor that
# the disk sets: pgbench with the two commits of a charge and nothing else. The peers do for a charge, a read and a notification
# what ours does: the API key's hash in a table, Idempotency-Key with the answer kept, AUTOKEY under AES-256-GCM, both
# steps of KiwoomPay's wire in EUC-KR, the intent committed before and the outcome with its answer after, an event for
# each change. They have no subscriptions, refunds, console, deliveries or recovery after a crash, publish none of the
# events, and keep the connection of step 2 open, which ours does not.
#
# Every side is one process with the pool that it has by default (8; that of the peers 10) and a PostgreSQL of its
# own, fsync on. One sandbox is the gateway of all, one client calls all. They take turns, round by round. CPU is
# what the operating system booked (/proc).
#
#   make bench [BEFORE=PROGRAM] [PARTS=charge,reads]
#   sh bench/compare.sh [--parts start,counts,…] [--rounds 3] [--seconds 6] PROGRAM [BEFORE]
#
#   start    start to ready; memory and CPU of a service that nobody calls
#   counts   statements, transactions, flushes, bytes of a charge, one caller (as charge.sh)
#   calls    system calls of a charge, 8 callers (strace)
#   charge   charges a second with 8 and 32 callers, p50 and p99, CPU; memory after it; the floor
#   rate     p50 and p99 with 120 charges a second, counted from when each was due
#   reads    one payment; a page of 50 payments after a cursor; 8 callers
#   notices  a notification of an approved charge, and the same again; 8 callers
#
# Needs Linux, python3, and PostgreSQL 14 or later with pg_stat_statements (postgresql-contrib). Without npm (Node 20.18
# or later), or without strace, what they are for is not measured. The peers' packages come from npm, into a folder that
# goes with the bench.
set -eu
exec python3 -B "$(dirname "$0")/compare.py" "$@"
