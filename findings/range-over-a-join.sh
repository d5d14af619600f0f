#!/usr/bin/env bash
# Question: two tables share a primary key, and a list goes on from a place in it: select … from events left join
#     texts using (position) where position > 990000 order by position limit 20. How much of texts is read?
# Usual guess: twenty rows, from there on: position is one column, and position = 990000 is looked up on both sides.
# What happens: only equality is carried over to the other side of a join, a range is not. Where texts is the smaller
#     one (a column that was moved to a table of its own, and older rows have none) the planner takes a merge join,
#     and the index of texts is read from its first row: all rows that come before the place. With the range said
#     of both sides, or the text as a scalar subquery, it is twenty; the inner join is a nested loop here, and twenty too.
# Hurts: keyset pages and outboxes that read on from a position, in tables that are split in two: each page reads
#     all that was ever written, and the plan changes only when the smaller one has grown to a part of the other.
# This project: the data of an event is read by a subquery, and a test counts the rows that each list reads.
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

sql -c "create table events (position bigint primary key, kind text not null)" \
    -c "create table texts (position bigint primary key, text text not null)" \
    -c "insert into events select n, 'a' from generate_series(1, 1000000) n" \
    -c "insert into texts select n, repeat('x', 200) from generate_series(900001, 1000000) n" \
    -c "vacuum analyze events, texts"

# read SQL: the rows that were read of texts, with each plan of it.
read_of_texts() {
    sql -c "explain (analyze, costs off, timing off, summary off) $1" |
        sed -n 's/.*Scan using texts_pkey.*(actual rows=\([0-9]*\) loops=\([0-9]*\))/\1 \2/p' |
        awk '{ rows += $1 * $2 } END { print rows + 0 }'
}

rest="order by position limit 20"
joined=$(read_of_texts "select position, kind, text from events left join texts using (position)
    where position > 990000 $rest")
inner=$(read_of_texts "select position, kind, text from events join texts using (position)
    where events.position > 990000 $rest")
both=$(read_of_texts "select position, kind, text from events left join
    (select * from texts where position > 990000) later using (position) where position > 990000 $rest")
subquery=$(read_of_texts "select position, kind, (select text from texts where texts.position = events.position)
    from events where position > 990000 $rest")
"$bin/postgres" --version
echo "a million events, the last 100,000 of them with a text; rows of texts read for a page of 20 after 990,000:"
echo "left join using: $joined; inner join: $inner; the range said twice: $both; subquery: $subquery"
((joined > 90000 && inner <= 21 && both <= 21 && subquery <= 21))
