//! The CSV of payments: what the list answers, as a spreadsheet reads it.

use reqwest::Method;
use serde_json::{Value, json};

use super::walk;
use crate::support::app::{TestApp, one_off};
use crate::support::refusals::{UNKNOWN_FIELD, invalid};
use crate::support::subscriptions::{ALWAYS_SHORT, APPROVED, monthly};

const COLUMNS: &str = "id,orderId,status,amount,refundedAmount,refundableAmount,customerId,\
    billingKey,subscriptionId,periodStart,periodEnd,productName,method,transactionId,approvedAt,\
    failureCode,createdAt,charge";

/// The rows as they are, the names first.
async fn export(app: &TestApp, query: &str) -> Vec<Vec<String>> {
    let path = format!("/billing/payments.csv{query}");
    let response = app.request(Method::GET, &path).send().await.unwrap();
    assert_eq!(response.status(), 200);
    assert_eq!(response.headers()["content-type"], "text/csv; charset=utf-8");
    let disposition = "attachment; filename=\"payments.csv\"";
    assert_eq!(response.headers()["content-disposition"], disposition);
    let bytes = response.bytes().await.unwrap();
    let text = std::str::from_utf8(&bytes).unwrap().strip_prefix('\u{feff}').unwrap();
    assert_eq!(text.lines().next().unwrap(), COLUMNS);
    let mut reader = csv::ReaderBuilder::new().has_headers(false).from_reader(text.as_bytes());
    reader.records().map(|row| row.unwrap().iter().map(str::to_owned).collect()).collect()
}

/// The row that stands for a payment of the list.
fn row(payment: &Value) -> Vec<String> {
    let left = payment["refundableAmount"].as_i64().unwrap();
    let refunded = if payment["status"] == "partially_refunded" { 9900 - left } else { 0 };
    let cell = |value: &Value| match value {
        Value::Null => String::new(),
        Value::String(text) => text.clone(),
        other => other.to_string(),
    };
    // A spreadsheet would read a result code as a number.
    let text = |value: &Value| match value {
        Value::String(text) if text.starts_with(['=', '+', '-', '@']) => json!(format!("'{text}")),
        Value::String(text) if text.starts_with(|c: char| c.is_ascii_digit()) => {
            json!(format!("'{text}"))
        }
        other => other.clone(),
    };
    let period = |end: &str| payment["period"][end].clone();
    [
        payment["id"].clone(),
        text(&payment["orderId"]),
        payment["status"].clone(),
        payment["amount"].clone(),
        json!(refunded),
        payment["refundableAmount"].clone(),
        text(&payment["customerId"]),
        payment["billingKey"].clone(),
        payment["subscriptionId"].clone(),
        period("start"),
        period("end"),
        text(&payment["productName"]),
        payment["method"].clone(),
        text(&payment["transactionId"]),
        payment["approvedAt"].clone(),
        text(&payment["failure"]["code"]),
        payment["createdAt"].clone(),
        if payment["subscriptionId"].is_string() { json!(1) } else { Value::Null },
    ]
    .iter()
    .map(cell)
    .collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn two_hundred_and_fifty_rows_are_those_of_the_list_and_none_is_a_formula() {
    let app = TestApp::start().await;
    let key = app.register(APPROVED).await;
    let short = app.register(ALWAYS_SHORT).await;
    let names = ["=1+1", "+82", "-1", "@SUM(A1)", "쉼표, \"따옴표\"", "단건 결제", "a=b"];
    for n in 0..247 {
        let mut body = one_off(&key);
        body["productName"] = json!(names[n % names.len()]);
        body["amount"] = json!(9900);
        app.post("/billing/pay", &body).await.data(200);
    }
    let mut ordered = one_off(&key);
    ordered["orderId"] = json!("=ORDER-1");
    let part = app.post("/billing/pay", &ordered).await.data(200);
    app.post("/billing/refund", &json!({"paymentId": part["id"], "amount": 1})).await.data(200);
    app.pay(&short).await.fails(402, "payment_declined");
    let mut at_once = monthly(&key);
    at_once["chargeNow"] = json!(true);
    // A whole month from today on.
    at_once.as_object_mut().unwrap().remove("cycleDay");
    app.post("/billing/subscribe", &at_once).await.data(201);

    for (query, count) in [
        ("", 250),
        ("?status=declined", 1),
        ("?status=partially_refunded", 1),
        ("?customerId=nobody", 0),
        ("?minAmount=9900&maxAmount=9900", 250),
        ("?minAmount=9901", 0),
    ] {
        let listed = walk(&app, &format!("/billing/payments{query}"), 100).await.concat();
        let rows = export(&app, query).await;
        assert_eq!(rows[0].join(","), COLUMNS);
        assert_eq!(rows[1..].len(), count, "{query}");
        assert_eq!(rows[1..], listed.iter().map(row).collect::<Vec<_>>(), "{query}");
    }
    let rows = export(&app, "").await;
    assert!(rows.iter().any(|row| row[11] == "'=1+1" && row[3] == "9900"), "{rows:?}");
    assert!(rows.iter().any(|row| row[1] == "'=ORDER-1"), "{rows:?}");
    assert!(rows.iter().flatten().all(|cell| !cell.starts_with(['=', '+', '-', '@'])));
}

#[tokio::test(flavor = "multi_thread")]
async fn an_export_takes_the_filters_of_the_list_and_no_page() {
    let app = TestApp::start().await;
    for field in ["limit", "cursor"] {
        let reply = app.get(&format!("/billing/payments.csv?{field}=1")).await;
        assert_eq!(reply.error(400), invalid(&[(field, UNKNOWN_FIELD)]));
    }
    app.get("/billing/payments.csv?status=paid").await.fails(400, "invalid_request");
    assert_eq!(export(&app, "").await.len(), 1, "the names alone");
}
