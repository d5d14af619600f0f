#!/usr/bin/env bash
# Question: a BEFORE UPDATE trigger lets an update through only when nothing but one column changes, and compares
#     the rest of the row: to_jsonb(old) - 'note' = to_jsonb(new) - 'note', or to_jsonb(old) = to_jsonb(new)
#     for "nothing changes". What does a stored generated column do to it?
# Usual guess: nothing: it is computed from columns that did not change, so it is the same on both sides.
# What happens: generated columns are computed after BEFORE triggers. NEW has null in them, OLD the value, so the
#     two rows always differ, for an update that changes nothing too: the guard refuses everything. The
#     same comparison in the trigger's WHEN is refused when the trigger is made; inside a function nothing is
#     said. OLD and NEW as AFTER triggers see them are equal.
# Hurts: append-only tables and audit trails with an exception for one column, and triggers that skip updates
#     without a change: they work until somebody adds a generated column, and then break at run time.
# This project: its one guard of that kind leaves the generated columns out of the comparison.
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

sql -c "create table booked (id int primary key, amount int not null, note text,
            vat int not null generated always as (amount / 11) stored)" \
    -c "insert into booked (id, amount, note) values (1, 1100, 'a')" \
    -c "create table seen (at text, equal boolean, vat_of_new text)" \
    -c "create function look() returns trigger language plpgsql as \$\$ begin
            insert into seen values (tg_when, to_jsonb(old) - 'note' = to_jsonb(new) - 'note',
                coalesce(new.vat::text, 'null'));
            return new; end \$\$" \
    -c "create trigger before before update on booked for each row execute function look()" \
    -c "create trigger later after update on booked for each row execute function look()"

sql -c "update booked set note = 'b'"
seen=$(sql -F ' ' -c "select at, equal, vat_of_new from seen order by at desc")
refused=$(sql -c "create trigger guarded before update on booked for each row
    when (to_jsonb(old) = to_jsonb(new)) execute function look()" 2>&1 || true)
"$bin/postgres" --version
echo "when, whether the rest of the row is equal, the generated column of NEW (its value is 100):"
echo "$seen"
echo "the same comparison in WHEN: $refused"
[[ $seen == $'BEFORE f null\nAFTER t 100' && $refused == *"cannot reference NEW generated columns"* ]]
