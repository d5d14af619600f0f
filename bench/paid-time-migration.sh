#!/bin/sh
# How long migration 0021 takes, which makes the days of every subscription from its payments: books of
# the version before it with many monthly subscriptions, and then 0021 alone. Ends with 1 when the days
# are not those that were paid for, or above 10 minutes.
#
#   sh bench/paid-time-migration.sh [subscriptions] [payments of each]
#
# Needs psql. DATABASE_URL names an empty database to use.
set -eu

subscriptions=${1:-100000}
payments=${2:-24}
: "${DATABASE_URL:?names an empty database to use}"
migrations=$(realpath "$(dirname "$0")/../migrations")
export PGOPTIONS='-c client_min_messages=warning'

sql() {
    psql -qAtX -v ON_ERROR_STOP=1 -v subscriptions="$subscriptions" -v payments="$payments" \
        "$@" "$DATABASE_URL"
}
seconds_since() {
    echo "$1 $(date +%s.%N)" | awk '{ print $2 - $1 }'
}

for migration in "$migrations"/00[01]*.sql "$migrations"/0020*.sql; do
    sql -1 -f "$migration" >/dev/null
done
# Each subscription is charged on its own day of the month and was last charged in November 2026.
began=$(date +%s.%N)
sql >/dev/null <<'SQL'
alter table billing_keys disable trigger billing_keys_event;
alter table subscriptions disable trigger subscriptions_event;
alter table payments disable trigger payments_event;
insert into billing_keys (id, customer_id, customer_name, autokey, card_company_code,
    card_number_masked, status, created_at)
select gen_random_uuid(), 'user-' || n, 'Hong', '', 'CVSF', '411111******1111', 'active', now()
from generate_series(1, :subscriptions) n;
insert into subscriptions (id, customer_id, plan_id, billing_key_id, amount, product_name, cycle_day,
    status, period_start, next_billing_date, next_attempt_at, created_at)
select gen_random_uuid(), customer_id, 'monthly', id, 9900, 'bench', day, 'active',
    make_date(2026, 11, day), make_date(2026, 12, day),
    make_timestamptz(2026, 12, day, 10, 0, 0, 'Asia/Seoul'),
    make_timestamptz(2026, 11, day, 9, 0, 0, 'Asia/Seoul') - :payments * interval '1 month'
from (select *, 1 + row_number() over ()::int % 28 as day from billing_keys) keys;
insert into payments (id, order_no, kind, state, amount, product_name, customer_id, billing_key_id,
    subscription_id, period_start, period_end, initiated_by, method, transaction_id, created_at,
    sent_at, approved_at, settled_at)
select gen_random_uuid(), 'SUB' || replace(s.id::text, '-', '') || '-' || to_char(start, 'YYYYMMDD')
        || '-1', 'subscription', 'approved', amount, product_name, customer_id, billing_key_id, s.id,
    start, (start + interval '1 month')::date, 'scheduler', 'CARD',
    'bench' || row_number() over (), at, at, at, at
from generate_series(:payments - 1, 0, -1) ago, subscriptions s,
    lateral (select (period_start - ago * interval '1 month')::date) begun (start),
    lateral (select (start + time '10:00') at time zone 'Asia/Seoul') due (at);
alter table billing_keys enable trigger billing_keys_event;
alter table subscriptions enable trigger subscriptions_event;
alter table payments enable trigger payments_event;
vacuum analyze;
SQL
echo "$subscriptions subscriptions, $payments payments each: filled in $(seconds_since "$began") s"

began=$(date +%s.%N)
sql -1 -f "$migrations/0021_paid_time.sql" >/dev/null
took=$(seconds_since "$began")
# One charge and one segment of each payment; each subscription goes on where it would have.
wrong=$(sql <<'SQL'
select (select count(*) from payments p
        left join subscription_charges c on c.subscription_id = p.subscription_id
            and c.number = charge_no and c.amount = p.amount and c.state = 'approved'
        left join subscription_segments s on s.subscription_id = c.subscription_id
            and s.charge_no = c.number and s.kind = 'paid' and s.amount = p.amount
            and (s.starts_on, s.ends_on) = (p.period_start, p.period_end)
        where s.number is null)
    + abs((select count(*) from subscription_segments) - (select count(*) from payments))
    + (select count(*) from subscriptions where paid_through is distinct from next_billing_date
        or (next_charge_date, next_charge_amount) is distinct from (paid_through, 9900)
        or next_attempt_at <> (paid_through + time '10:00') at time zone 'Asia/Seoul');
SQL
)
size=$(sql -c 'select pg_size_pretty(pg_database_size(current_database()))')
echo "0021: $took s, the database has $size then; wrong: $wrong"
echo "$took $wrong" | awk '{ exit !($1 < 600 && $2 == 0) }'
