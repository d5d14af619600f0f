#!/bin/sh
# How long `reconcile` takes for a list of many lines, and how much memory: against as many payments
# that match it, as the list of a day, as CSV and as XLSX, and then against books that have none of
# them. Ends with 1 when the comparison is not what it has to be, or above 10 seconds or 100 MB.
#
#   cargo build --release --locked && sh bench/reconcile.sh [payments] [program]
#
# Needs /usr/bin/time, psql and Python 3. DATABASE_URL names an empty database to use.
set -eu

lines=${1:-100000}
program=$(realpath "${2:-target/release/kiwoom-billing}")
: "${DATABASE_URL:?names an empty database to use}"
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
cd "$dir"
export DATA_DIR="$dir" RUST_LOG=warn

"$program" migrate >/dev/null
# A list of two days ago, whose days are over: an approval a line, and every tenth cancelled in part.
psql -q "$DATABASE_URL" -v lines="$lines" <<'SQL'
set kiwoom.now = '2026-11-27T00:00:00Z';
insert into payments (id, order_no, kind, state, amount, product_name, initiated_by, method,
    transaction_id, created_at, approved_at, settled_at, refunded_amount)
select gen_random_uuid(), 'ORDER-' || n, 'one_off', 'approved', 9900, 'bench', 'merchant', 'CARD',
    'cMP261127' || lpad(n::text, 11, '0'), at, at, at, case when n % 10 = 0 then 900 else 0 end
from generate_series(1, :lines) n, lateral (
    select '2026-11-27T00:00:00Z'::timestamptz + n * interval '10 milliseconds') t (at);
insert into refunds (id, payment_id, amount, state, reason, created_at, sent_at, refunded_at)
select gen_random_uuid(), id, 900, 'refunded', 'bench', approved_at, approved_at,
    approved_at + interval '1 hour'
from payments where refunded_amount > 0;
analyze payments;
analyze refunds;
SQL
psql -qAt "$DATABASE_URL" >lines <<'SQL'
\pset fieldsep '|'
select 'S', to_char(approved_at at time zone 'Asia/Seoul', 'YYYYMMDDHH24MISS'), transaction_id, order_no,
    amount from payments
union all
select 'C', to_char(refunded_at at time zone 'Asia/Seoul', 'YYYYMMDDHH24MISS'), p.transaction_id,
    order_no, r.amount from refunds r join payments p on p.id = payment_id;
SQL
{ echo '<DATA>'; cat lines; echo '</DATA>'; } >same.txt
sed 's/|cMP26/|cMP27/; s/|ORDER-/|OTHER-/' same.txt >other.txt
{ echo 'type,at,transactionId,orderNo,amount'; tr '|' ',' <lines; } >same.csv
python3 - <<'PYTHON'
import zipfile
MAIN = "http://schemas.openxmlformats.org/spreadsheetml/2006/main"
DOCUMENT = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"
PACKAGE = "http://schemas.openxmlformats.org/package/2006/relationships"
def relations(kind, target):
    return (f'<Relationships xmlns="{PACKAGE}"><Relationship Id="r1" Type="{DOCUMENT}/{kind}" '
            f'Target="{target}"/></Relationships>')
def cell(text):
    return f'<c t="inlineStr"><is><t>{text}</t></is></c>'
with zipfile.ZipFile("same.xlsx", "w", zipfile.ZIP_DEFLATED) as book:
    book.writestr("_rels/.rels", relations("officeDocument", "xl/workbook.xml"))
    book.writestr("xl/_rels/workbook.xml.rels", relations("worksheet", "worksheets/sheet1.xml"))
    book.writestr("xl/workbook.xml", f'<workbook xmlns="{MAIN}" xmlns:r="{DOCUMENT}"><sheets>'
                  '<sheet name="list" sheetId="1" r:id="r1"/></sheets></workbook>')
    rows = ("<row>" + "".join(map(cell, line.rstrip("\n").split(","))) + "</row>"
            for line in open("same.csv"))
    book.writestr("xl/worksheets/sheet1.xml", f'<worksheet xmlns="{MAIN}"><sheetData>'
                  + "".join(rows) + "</sheetData></worksheet>")
PYTHON

failed=0
# compare NAME FILE EXIT-CODE PATTERN
compare() {
    code=0
    /usr/bin/time -f '%e %M' -o took "$program" reconcile "$2" --json >report || code=$?
    grep -q "$4" report && found=yes || found=no
    tail -n 1 took | awk -v name="$1" -v lines="$(wc -l <lines)" -v code="$code" -v wanted="$3" \
        -v found="$found" '{ printf "%-9s %7d lines  %5.2f s  %5.1f MB  exit code %d\n", name, lines, $1,
            $2 / 1024, code
            exit !(found == "yes" && code == wanted && $1 < 10 && $2 < 100 * 1024) }' || failed=1
}
for list in same.txt same.csv same.xlsx; do
    compare "$list" "$list" 0 "\"matching\":$lines,"
done
compare differing other.txt 3 "\"only_at_kiwoompay\":$lines,"
exit $failed
