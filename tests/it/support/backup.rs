//! The books of subscriptions as they were: a restore, or a failover that lost commits.

use serde_json::Value;
use sqlx::{AssertSqlSafe, Connection};

use crate::support::app::TestApp;

/// The tables of a backup, in the order in which they are filled.
const TABLES: [&str; 7] = [
    "subscriptions",
    "price_consents",
    "subscription_phases",
    "subscription_charges",
    "subscription_segments",
    "payments",
    "movements",
];

/// The rows of a backup.
pub struct Backup(Vec<Vec<Value>>);

impl Backup {
    /// What the tables hold now.
    pub async fn take(app: &TestApp) -> Self {
        let mut db = app.owner().await;
        let mut tables = Vec::new();
        for table in TABLES {
            let query = format!("select to_jsonb({table}) from {table}");
            let rows = sqlx::query_scalar(AssertSqlSafe(query)).fetch_all(&mut db).await;
            tables.push(rows.unwrap());
        }
        Self(tables)
    }

    /// Puts the tables back as they were.
    pub async fn restore(&self, app: &TestApp) {
        let mut db = app.owner().await;
        let mut tx = db.begin().await.unwrap();
        let triggers =
            |what| TABLES.map(|table| format!("alter table {table} {what} trigger user"));
        let deletes = TABLES.iter().rev().map(|table| format!("delete from {table}"));
        for sql in triggers("disable").into_iter().chain(deletes) {
            sqlx::query(AssertSqlSafe(sql)).execute(&mut *tx).await.unwrap();
        }
        for (table, rows) in TABLES.iter().zip(&self.0) {
            let columns: String = sqlx::query_scalar(
                "select string_agg(quote_ident(column_name), ', ') from information_schema.columns
                 where table_schema = current_schema() and table_name = $1
                     and is_generated = 'NEVER'",
            )
            .bind(table)
            .fetch_one(&mut *tx)
            .await
            .unwrap();
            let query = format!(
                "insert into {table} ({columns})
                 select {columns} from jsonb_populate_record(null::{table}, $1)"
            );
            for row in rows {
                let query = sqlx::query(AssertSqlSafe(query.clone())).bind(row);
                query.execute(&mut *tx).await.unwrap();
            }
        }
        sqlx::query("set constraints all immediate").execute(&mut *tx).await.unwrap();
        for sql in triggers("enable") {
            sqlx::query(AssertSqlSafe(sql)).execute(&mut *tx).await.unwrap();
        }
        tx.commit().await.unwrap();
    }
}
