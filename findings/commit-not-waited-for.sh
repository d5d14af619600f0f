#!/usr/bin/env bash
# Question: which of these make a commit of PostgreSQL not wait for the disk or the standby: a function declared
#     with SET synchronous_commit = off; set_config('synchronous_commit', 'off', true) somewhere inside a
#     statement that is a transaction by itself; the same call inside a trigger?
# Usual guess: the function does, since all that it writes is written under its setting. A set_config within the
#     statement comes too late for the statement, or is nothing outside a transaction block, as SET LOCAL is. A
#     trigger decides about its own writes at most.
# What happens: the other way round. The setting that counts is the one at the commit. A function's SET ends
#     with the function, so its caller waits. set_config(..., true) lasts until the end of the transaction, a
#     statement's own too, so the commit does not wait; and one trigger takes the wait from everything that the
#     transaction has done besides.
# Hurts: an audit or statistics trigger that "may be lost" makes the payments lossy that it fires on. And who
#     declares a function so for speed gets none.
# This project: a request's claim of its key does not wait, by set_config in the one statement that makes it.
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
# A standby that is never there: a commit that waits at all waits for it, and can be told from one that does not.
"${as[@]}" "$bin/pg_ctl" -D run/data -l run/log -w start \
    -o "-k $dir/run -c listen_addresses= -c synchronous_standby_names=nobody" >/dev/null

sql() { "$bin/psql" -qAtX -v ON_ERROR_STOP=1 -h "$dir/run" -U postgres "$@"; }

PGOPTIONS='-c synchronous_commit=local' sql \
    -c "create table paid (n int)" -c "create table counted (n int)" \
    -c "create function declared() returns void language sql set synchronous_commit = off
            as 'insert into paid values (1)'" \
    -c "create function count_it() returns trigger language plpgsql as \$\$ begin
            perform set_config('synchronous_commit', 'off', true);
            return new; end \$\$" \
    -c "create trigger counting after insert on counted for each row execute function count_it()"

# of NAME COMMANDS...: whether the commit waits.
of() {
    local name=$1 rc=0
    shift
    timeout 3 "$bin/psql" -qAtX -v ON_ERROR_STOP=1 -h "$dir/run" -U postgres "$@" >/dev/null 2>&1 || rc=$?
    case $rc in
        0) echo "$name: does not wait" ;;
        124) echo "$name: waits" ;;
        *) echo "$name: failed" ;;
    esac
}

found=$(
    of "a statement" -c "insert into paid values (1)"
    of "SET LOCAL in a transaction" -c "begin; set local synchronous_commit = off; insert into paid values (1); commit"
    of "SET LOCAL before a statement" -c "set local synchronous_commit = off" -c "insert into paid values (1)"
    of "a function with SET" -c "select declared()"
    of "set_config in a statement" \
        -c "insert into paid select 1 from set_config('synchronous_commit', 'off', true)"
    of "set_config in a trigger of another table" \
        -c "begin; insert into paid values (1); insert into counted values (1); commit"
)
"$bin/postgres" --version
echo "$found"
[[ $found == "a statement: waits
SET LOCAL in a transaction: does not wait
SET LOCAL before a statement: waits
a function with SET: waits
set_config in a statement: does not wait
set_config in a trigger of another table: does not wait" ]]
