//! Lists narrowed by amount and metadata.

use serde_json::{Value, json};

use super::{ids, page};
use crate::support::app::{TestApp, one_off};
use crate::support::refusals::{CONTROL, EMPTY, UNKNOWN_FIELD, WON, invalid, without};
use crate::support::subscriptions::{APPROVED, monthly};

fn id(value: &Value) -> String {
    value["id"].as_str().unwrap().to_owned()
}

#[tokio::test(flavor = "multi_thread")]
async fn payments_and_subscriptions_are_narrowed_by_amount_and_metadata() {
    let app = TestApp::start().await;
    let key = app.register(APPROVED).await;
    let mut made = Vec::new();
    for (amount, metadata) in [
        (1000, json!({"channel": "앱 마켓", "grade": "gold", "seats": 3})),
        (2000, json!({"channel": "web", "grade": "gold"})),
        (3000, json!({"a[b]": "c", "on": true, "list": [1]})),
    ] {
        let mut body = without(&monthly(&key), "cycleDay");
        body["planId"] = json!(format!("plan-{amount}"));
        (body["amount"], body["metadata"]) = (json!(amount), metadata);
        (body["chargeNow"], body["firstPeriod"]) = (json!(true), json!("full"));
        made.push(id(&app.post("/billing/subscribe", &body).await.data(201)));
    }
    let mut alone = one_off(&key);
    alone["amount"] = json!(2000);
    let alone = id(&app.post("/billing/pay", &alone).await.data(200));
    for (query, expected, with_alone) in [
        ("minAmount=2000", vec![2, 1], true),
        ("maxAmount=2000", vec![1, 0], true),
        ("minAmount=1001&maxAmount=2999", vec![1], true),
        ("minAmount=3000&maxAmount=1000", vec![], false),
        ("minAmount=9999999999", vec![], false),
        ("metadata[grade]=gold", vec![1, 0], false),
        ("metadata%5Bgrade%5D=gold&metadata[channel]=web", vec![1], false),
        ("metadata[channel]=%EC%95%B1+%EB%A7%88%EC%BC%93", vec![0], false),
        ("metadata[grade]=gold&maxAmount=1000", vec![0], false),
        ("metadata[seats]=3", vec![0], false),
        ("metadata=grade:gold", vec![1, 0], false),
        ("metadata=grade:gold&metadata[channel]=web", vec![1], false),
        ("metadata=grade:gold:1", vec![], false),
        ("metadata[on]=true", vec![2], false),
        ("metadata[a[b]]=c", vec![2], false),
        ("metadata[grade]=GOLD", vec![], false),
        ("metadata[none]=gold", vec![], false),
        ("metadata['; drop table payments; --]=' or '1'='1", vec![], false),
    ] {
        let expected: Vec<&str> = expected.into_iter().map(|n: usize| made[n].as_str()).collect();
        let (subscriptions, _) = page(&app, &format!("/billing/subscriptions?{query}")).await;
        assert_eq!(ids(&subscriptions), expected, "{query}");
        let (payments, _) = page(&app, &format!("/billing/payments?{query}")).await;
        let of = |payment: &Value| payment["subscriptionId"].as_str().map(str::to_owned);
        let paid: Vec<String> = payments.iter().filter_map(of).collect();
        assert_eq!(paid, expected, "{query}");
        assert_eq!(ids(&payments).contains(&alone.as_str()), with_alone, "{query}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn amounts_and_metadata_that_are_wrong_are_all_named() {
    let app = TestApp::start().await;
    let six: Vec<String> = (0..6).map(|n| format!("metadata[k{n}]=v")).collect();
    let (six, five) = (six.join("&"), six[..5].join("&"));
    let long = format!("metadata[k]={}", "x".repeat(256));
    for list in ["/billing/payments", "/billing/subscriptions", "/billing/payments.csv"] {
        for wrong in
            ["0", "-1", "%2B1", "9.5", "1e3", "10000000000", "", "abc", "99999999999999999999"]
        {
            let reply = app.get(&format!("{list}?minAmount={wrong}&maxAmount={wrong}")).await;
            let expected = invalid(&[("minAmount", WON), ("maxAmount", WON)]);
            assert_eq!(reply.error(400), expected, "{list} {wrong}");
        }
        for (query, field, reason) in [
            ("metadata=x", "metadata", "metadata[키]=값 또는 metadata=키:값 형식이어야 합니다."),
            ("metadata[k=x", "metadata[k", UNKNOWN_FIELD),
            ("metadata[]=x", "metadata[]", EMPTY),
            ("metadata[k]=", "metadata[k]", EMPTY),
            ("metadata[k]=%00", "metadata[k]", CONTROL),
            ("metadata[%00]=v", "metadata[\0]", CONTROL),
            (&long, "metadata[k]", "255자를 넘을 수 없습니다."),
            (&six, "metadata", "5개를 넘을 수 없습니다."),
        ] {
            let reply = app.get(&format!("{list}?{query}")).await;
            assert_eq!(reply.error(400), invalid(&[(field, reason)]), "{list} {query}");
        }
        assert_eq!(app.get(&format!("{list}?{five}")).await.status, 200, "{list}");
    }
}
