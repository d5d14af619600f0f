//! Tax-free parts and VAT to the won, by kind and method.

use serde_json::{Value, json};
use sqlx::AssertSqlSafe;

use super::{agree, agree_with_ledger, movements, summary};
use crate::support::app::{TestApp, one_off};
use crate::support::subscriptions::APPROVED;
use crate::support::window::{ALL_ON, original, pay_by};

/// VAT of a taxable amount in whole numbers: what is left of it when 10/11 of it, rounded, is the price.
fn vat(taxable: i64) -> i64 {
    taxable.signum() * (taxable.abs() - (taxable.abs() * 20 + 11) / 22)
}

#[tokio::test(flavor = "multi_thread")]
async fn vat_is_what_is_left_of_the_rounded_price_the_same_up_and_down() {
    let app = TestApp::start().await;
    let mut db = app.owner().await;
    // What the table computes it with.
    let sql = "select pg_get_expr(adbin, adrelid) from pg_attrdef join pg_attribute
            on attrelid = adrelid and attnum = adnum
         where adrelid = 'movements'::regclass and attname = 'vat'";
    let expression: String = sqlx::query_scalar(sql).fetch_one(&mut db).await.unwrap();
    let sql = format!(
        "select amount, {expression} from (
            select n as amount, 0::bigint as tax_free_amount from (
                select generate_series(-30000, 30000)::bigint union all values (9999999999),
                    (-9999999999), (9999999998), (9999999997)) as numbers (n)) as amounts"
    );
    let rows: Vec<(i64, i64)> =
        sqlx::query_as(AssertSqlSafe(sql)).fetch_all(&mut db).await.unwrap();
    assert_eq!(rows.len(), 60_005);
    for (taxable, told) in rows {
        assert_eq!(told, vat(taxable), "{taxable}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn tax_free_parts_come_and_go_with_their_amounts() {
    let app = TestApp::with(ALL_ON).await;
    let key = app.register(APPROVED).await;
    let mut sale = one_off(&key);
    (sale["amount"], sale["taxFreeAmount"]) = (json!(11_001), json!(3000));
    let paid = app.post("/billing/pay", &sale).await.data(200);
    let part = json!({"paymentId": paid["id"], "amount": 5003, "taxFreeAmount": 1000});
    app.post("/billing/refund", &part).await.data(200);
    let mut order = original();
    (order["orderId"], order["amount"], order["taxFreeAmount"]) =
        (json!("O-1"), json!(10_000), json!(10_000));
    pay_by(&app, &app.post("/easypay/prepare", &order).await.data(200), "NAVERPAY").await;
    let parts = |m: &Value| {
        let won = |field: &str| m[field].as_i64().unwrap();
        assert_eq!(won("vat"), vat(won("taxableAmount")), "{m}");
        (won("amount"), won("taxFreeAmount"), won("taxableAmount"), won("vat"))
    };
    let all: Vec<_> = movements(&app, "").await.iter().map(parts).collect();
    let expected = [(10_000, 10_000, 0, 0), (-5003, -1000, -4003, -364), (11_001, 3000, 8001, 727)];
    assert_eq!(all, expected);
    let whole = agree_with_ledger(&app).await;
    let total = json!({"gross": 21_001, "refunds": 5003, "net": 15_998, "taxable": 3998,
        "taxFree": 12_000, "vat": 363, "count": 3});
    assert_eq!(whole["total"], total);
    let methods = json!([
        {"method": "CARD", "gross": 11_001, "refunds": 5003, "net": 5998, "taxable": 3998,
            "taxFree": 2000, "vat": 363, "count": 2},
        {"method": "NAVERPAY", "gross": 10_000, "refunds": 0, "net": 10_000, "taxable": 0,
            "taxFree": 10_000, "vat": 0, "count": 1},
    ]);
    assert_eq!(whole["methods"], methods);
    let today = app.today();
    let query = format!("from={today}&to={}&by=month", today.succ_opt().unwrap());
    let month = summary(&app, &query).await;
    assert_eq!(month["periods"][0]["start"], json!(format!("{}-01", today.format("%Y-%m"))));
    assert_eq!((&month["periods"][0]["methods"], &month["total"]), (&methods, &total));
    assert_eq!((&month["from"], &month["by"]), (&json!(today.to_string()), &json!("month")));
    agree(&app).await;
}
