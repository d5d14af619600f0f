//! The books by movement of money: each amount once, sums to the won, closed days that never change.

mod amounts;
mod closing;
mod exports;
mod libreoffice;
mod lists;
mod migration;
mod rights;
mod settling;

use serde_json::{Value, json};
use sqlx::{AssertSqlSafe, Connection, Row};

use crate::lists::walk;
use crate::support::app::TestApp;

const EVER: &str = "from=2000-01-01&to=3000-01-01";

/// All movements of the list, newest first.
pub async fn movements(app: &TestApp, query: &str) -> Vec<Value> {
    walk(app, &format!("/billing/movements?{query}"), 100).await.concat()
}

/// Kind and amount of each movement, oldest first.
pub async fn moved(app: &TestApp, query: &str) -> Vec<(String, i64)> {
    let kind_and_amount =
        |m: Value| (m["kind"].as_str().unwrap().to_owned(), m["amount"].as_i64().unwrap());
    movements(app, query).await.into_iter().rev().map(kind_and_amount).collect()
}

pub fn named(moved: &[(&str, i64)]) -> Vec<(String, i64)> {
    moved.iter().map(|(kind, amount)| ((*kind).to_owned(), *amount)).collect()
}

pub async fn summary(app: &TestApp, query: &str) -> Value {
    app.get(&format!("/billing/summary?{query}")).await.data(200)
}

fn sum(rows: &[Value], field: &str) -> i64 {
    rows.iter().map(|row| row[field].as_i64().unwrap()).sum()
}

/// Checks that the books agree with themselves: the movements of each payment with what it is now, the
/// summary with the movements, its parts with each other.
pub async fn agree(app: &TestApp) -> Value {
    let sql = "select p.order_no, p.state, coalesce(m.won, 0)::bigint as booked,
            (case when p.state = 'approved' then p.amount else 0 end - coalesce(r.won, 0))::bigint
                as is
         from payments p
            left join (select payment_id, sum(amount) as won from movements group by 1) m
                on m.payment_id = p.id
            left join (select payment_id, sum(amount) as won from refunds
                where state = 'refunded' group by 1) r on r.payment_id = p.id";
    let rows = sqlx::query(sql).fetch_all(&mut app.owner().await).await.unwrap();
    for row in rows {
        let (booked, is): (i64, i64) = (row.get("booked"), row.get("is"));
        let order: String = row.get("order_no");
        assert_eq!(booked, is, "{order} {}", row.get::<String, _>("state"));
    }
    let all = movements(app, "").await;
    let whole = summary(app, EVER).await;
    let total = &whole["total"];
    let won = |field: &str| total[field].as_i64().unwrap();
    assert_eq!(won("net"), sum(&all, "amount"));
    assert_eq!(won("net"), won("gross") - won("refunds"));
    assert_eq!(won("net"), won("taxable") + won("taxFree"));
    assert_eq!(won("taxFree"), sum(&all, "taxFreeAmount"));
    assert_eq!(won("vat"), sum(&all, "vat"));
    assert_eq!(total["count"], json!(all.len()));
    for by in ["day", "month"] {
        let parts = summary(app, &format!("{EVER}&by={by}")).await;
        assert_eq!(&parts["total"], total);
        for field in ["gross", "refunds", "net", "taxable", "taxFree", "vat", "count"] {
            let periods = parts["periods"].as_array().unwrap();
            assert_eq!(sum(periods, field), won(field), "{by} {field}");
            assert_eq!(sum(parts["methods"].as_array().unwrap(), field), won(field), "{field}");
            for period in periods {
                let methods = period["methods"].as_array().unwrap();
                assert_eq!(sum(methods, field), period[field].as_i64().unwrap(), "{by} {field}");
            }
        }
    }
    whole
}

/// Checks besides that the sandbox has taken and given back the same, by method too.
pub async fn agree_with_ledger(app: &TestApp) -> Value {
    let whole = agree(app).await;
    let ledger = app.ledger().await;
    assert_eq!(whole["total"]["gross"], json!(sum(&ledger, "amount")));
    assert_eq!(whole["total"]["refunds"], json!(sum(&ledger, "canceledAmount")));
    for method in whole["methods"].as_array().unwrap() {
        let is_own = |t: &&Value| {
            let own = t["payMethod"].as_str().unwrap().trim_end_matches("-BATCH");
            method["method"] == own
        };
        let own: Vec<Value> = ledger.iter().filter(is_own).cloned().collect();
        assert_eq!(method["gross"], json!(sum(&own, "amount")), "{method}");
        assert_eq!(method["refunds"], json!(sum(&own, "canceledAmount")), "{method}");
    }
    whole
}

/// Runs statements as the service's own role at `now` of its clock, in one transaction.
pub async fn at(app: &TestApp, now: &str, statements: &[String]) {
    let url = app.setting("DATABASE_URL");
    let mut db = sqlx::PgConnection::connect(url).await.unwrap();
    let mut tx = db.begin().await.unwrap();
    let begin = format!("set local kiwoom.now = '{now}'");
    sqlx::query(AssertSqlSafe(begin)).execute(&mut *tx).await.unwrap();
    for sql in statements {
        sqlx::query(AssertSqlSafe(sql.clone())).execute(&mut *tx).await.unwrap();
    }
    tx.commit().await.unwrap();
}

/// The statement that writes an approved payment, as the service writes one.
pub fn approved(order: &str, customer: &str, amount: i64, at: &str) -> String {
    let quoted = |text: &str| text.replace('\'', "''");
    let (order, customer) = (quoted(order), quoted(customer));
    format!(
        "insert into payments (id, order_no, kind, state, amount, product_name, customer_id,
            initiated_by, method, transaction_id, created_at, approved_at, settled_at)
         values (gen_random_uuid(), '{order}', 'one_off', 'approved', {amount}, '월간 구독',
            '{customer}', 'merchant', 'CARD', '{order}', '{at}', '{at}', '{at}')"
    )
}
