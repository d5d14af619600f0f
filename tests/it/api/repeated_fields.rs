//! A field that is sent twice: which of the two was meant is not known, so neither is taken.

use reqwest::Method;
use serde_json::json;

use crate::support::app::{TestApp, one_off};
use crate::support::refusals::{invalid, with_raw};
use crate::support::subscriptions::{APPROVED, monthly};

const ONCE: &str = "한 번만 보낼 수 있습니다.";

#[tokio::test(flavor = "multi_thread")]
async fn a_repeated_name_in_a_body_is_named_at_any_depth() {
    let app = TestApp::start().await;
    let key = app.register(APPROVED).await;
    let made = app.subscribe(&key, 15).await;
    let before = app.everything().await;
    let pay = with_raw(&one_off(&key), "amount", "9900,\"amount\":990000");
    let nested = with_raw(&monthly(&key), "planId", "\"b\",\"planId\":\"c\"");
    let nested = nested.replacen('{', "{\"metadata\":{\"a\":[1,{\"b\":1,\"b\":1}]},", 1);
    let same = with_raw(&one_off(&key), "orderId", "\"A-1\",\"orderId\":\"A-1\"");
    let escaped = with_raw(&one_off(&key), "amount", "9900,\"\\u0061mount\":1,\"amount\":2");
    let unknown = with_raw(&one_off(&key), "amount", "9900,\"n123456\":1,\"n123456\":1");
    for (path, body, fields) in [
        ("/billing/pay", pay, vec!["amount"]),
        ("/billing/subscribe", nested, vec!["metadata.a[1].b", "planId"]),
        ("/billing/pay", same, vec!["orderId"]),
        ("/billing/pay", escaped, vec!["amount"]),
        ("/billing/pay", unknown, vec!["n******"]),
    ] {
        let reply = app.send_raw(Method::POST, path, body.clone()).await;
        let details: Vec<_> = fields.into_iter().map(|field| (field, ONCE)).collect();
        assert_eq!(reply.error(400), invalid(&details), "{path} {body}");
    }
    let path = format!("/billing/subscription/{}", made["id"].as_str().unwrap());
    let twice = "{\"consent\":{\"method\":\"checkbox\",\"method\":\"sms\"},\"amount\":19800}";
    let reply = app.send_raw(Method::PATCH, &path, twice).await;
    assert_eq!(reply.error(400), invalid(&[("consent.method", ONCE)]));
    assert_eq!(app.everything().await, before);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_repeated_query_parameter_is_named() {
    let app = TestApp::start().await;
    for (path, fields) in [
        ("/billing/payments?status=approved&status=declined", vec!["status"]),
        ("/billing/payments.csv?from=2027-03-10&from=2027-03-10", vec!["from"]),
        ("/billing/subscriptions?limit=1&planId=a&limit=2&planId=b", vec!["limit", "planId"]),
        ("/billing/subscriptions?metadata[k]=a&metadata%5Bk%5D=b", vec!["metadata[k]"]),
        ("/billing/keys?customerId=a&customerId=a&customerId=a", vec!["customerId"]),
        ("/billing/refunds?cursor=x&cursor=y", vec!["cursor"]),
        ("/events?type=order.paid&type=order.failed", vec!["type"]),
        ("/audit?actor=open&actor=scheduler", vec!["actor"]),
    ] {
        let details: Vec<_> = fields.into_iter().map(|field| (field, ONCE)).collect();
        assert_eq!(app.get(path).await.error(400), invalid(&details), "{path}");
    }
    let path = format!("/billing/subscription/{}?preview=true&preview=false", json!("sub_x"));
    let reply = app.patch(&path.replace('"', ""), &json!({})).await;
    assert_eq!(reply.error(400), invalid(&[("preview", ONCE)]));
}
