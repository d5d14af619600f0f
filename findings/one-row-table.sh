#!/usr/bin/env bash
# Question: a query joins a table of one row (a cursor, a setting) to the next 1,000 rows of an index. What
#     does it cost?
# Usual guess: nothing to speak of; the planner knows small tables, autovacuum looks after its statistics,
#     and compiling (JIT) is for queries over millions of rows.
# What happens: a table that was never analyzed is planned as ten pages full of rows, 2,200 of a boolean and
#     a number, and autovacuum never analyzes it: one row does not reach the threshold of 50 changes. 2,200
#     times 1,000 rows cost more than jit_above_cost, so each run is compiled, for a hundred times as long as
#     it then takes. ANALYZE mends it, until the table is made anew by a restore; so does `limit 1`, or
#     jit = off for such a service.
# Hurts: services that keep a cursor or a lock in a table of one row and ask it twice a second: their queries
#     are slow from the first day, and no table is large.
# This project: each connection says jit = off.
set -euo pipefail

VERSION=15.18-0+deb12u1
dir=$(mktemp -d)
as=()
[ "$(id -u)" -ne 0 ] || as=(setpriv --reuid=nobody --regid=nogroup --clear-groups)
bin=$dir/usr/lib/postgresql/15/bin
trap '"${as[@]}" "$bin/pg_ctl" -D "$dir/run/data" -m immediate stop >/dev/null || true
    rm -rf "$dir"' EXIT
cd "$dir"
chmod 755 . && mkdir -m 777 run
# The packages are unpacked, not installed: that would start them.
apt-get download -qq -o APT::Sandbox::User=root "postgresql-15=$VERSION" "postgresql-client-15=$VERSION" \
    libpq5 libllvm14 libz3-4 libxml2 libicu72 libldap-2.5-0 libsasl2-2
for package in ./*.deb; do dpkg -x "$package" .; done
export LD_LIBRARY_PATH=$dir/usr/lib/x86_64-linux-gnu
"${as[@]}" "$bin/initdb" -D run/data -U postgres -A trust -E UTF8 --locale=C >/dev/null
"${as[@]}" "$bin/pg_ctl" -D run/data -l run/log -w start -o "-k $dir/run -c listen_addresses=" >/dev/null

sql() { "$bin/psql" -qAtX -v ON_ERROR_STOP=1 -h "$dir/run" -U postgres "$@"; }

sql -c "create table place (id boolean primary key, at bigint not null)" -c "insert into place values (true, 0)" \
    -c "create table happened (at bigint primary key, what text not null)" \
    -c "insert into happened select n, 'x' from generate_series(1, 100000) n" -c "analyze happened"

# look FROM prints how many rows were expected of it, whether the plan was compiled, and for how long it ran.
look() {
    sql -c "explain (analyze, format json) select h.* from $1 as p, lateral (
        select * from happened where at > p.at order by at limit 1000) as h" | python3 -c '
import json, sys
plan = json.load(sys.stdin)[0]
print(plan["Plan"]["Plans"][0]["Plan Rows"], "JIT" in plan, round(plan["Execution Time"], 2))'
}

before=$(look place)
limited=$(look "(select * from place limit 1)")
sql -c "analyze place"
after=$(look place)
"$bin/postgres" --version
echo "rows expected, compiled, milliseconds"
echo "  never analyzed: $before"
echo "  with limit 1:   $limited"
echo "  analyzed:       $after"
[[ $before == "2200 True "* && $limited == "1 False "* && $after == "1 False "* ]]
