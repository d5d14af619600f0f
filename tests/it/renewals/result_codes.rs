//! What a month of dunning does with each result code (protocol section 2.4).

use std::collections::BTreeSet;

use serde_json::{Value, json};

use crate::support::app::TestApp;
use crate::support::subscriptions::{ALWAYS_SHORT, APPROVED, renewed_with};

/// What a code does: attempts in a month, status of the subscription, of its last attempt, of the
/// card, and what the merchant's backend is told of the money.
type Effect = (usize, &'static str, &'static str, &'static str, &'static [&'static str]);

/// Retries on days 1, 3, 5 and 7.
const LATER: Effect = (5, "unpaid", "declined", "active", &["past_due", "unpaid"]);
const NEVER: Effect = (1, "unpaid", "declined", "inactive", &["unpaid"]);
/// Refused three times, and then mended.
const OURS: Effect = (4, "active", "approved", "active", &["renewed"]);
const UNKNOWN: Effect = (1, "active", "unknown", "active", &["renewed"]);

fn cases() -> Vec<(&'static str, Value, Effect)> {
    let plain = |codes: &[&'static str], effect: Effect| {
        codes.iter().map(|code| (*code, json!({}), effect)).collect::<Vec<_>>()
    };
    let later = ["1011", "2011", "2015", "1041", "1042", "2041", "2042", "2044", "2082", "2003"];
    let ours = ["0304", "9011", "9101", "9102", "9103", "9150", "FAIL", "FAIL,FAIL"];
    [
        plain(&later, LATER),
        plain(&["7777"], LATER),
        plain(&["1012", "1014", "1071", "1072", "2014", "2016"], NEVER),
        plain(&ours, OURS),
        plain(&["9999", "-1", "9000", "9005"], UNKNOWN),
        // Nobody knows the code, and the refusal says too little or too much.
        vec![("7777", json!({"message": ""}), UNKNOWN)],
        vec![("7777", json!({"authNo": "40091184"}), UNKNOWN)],
        vec![("9150", json!({"authNo": "40091184"}), UNKNOWN)],
    ]
    .concat()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_month_of_dunning_does_what_each_code_asks_for() {
    let app = TestApp::start().await;
    let mut made = Vec::new();
    for (code, script, effect) in cases() {
        let key = app.register(APPROVED).await;
        let subscription = app.subscribe(&key, 15).await;
        let order = subscription["id"].as_str().unwrap().replace("sub_", "SUB").replace('-', "");
        let times = if effect == OURS { 3 } else { 1000 };
        let mut fault = json!({"on": "CARD-BATCH", "kind": "decline", "orderNo": order, "code": code,
            "times": times});
        fault.as_object_mut().unwrap().extend(script.as_object().unwrap().clone());
        app.fault(fault).await;
        made.push((format!("{code} {script}"), subscription, effect));
    }
    app.advance_to_charge(&made[0].1["nextBillingDate"]).await;
    app.advance_days(27).await;

    let events = app.events().await;
    for (name, subscription, (attempts, status, last, card, told)) in made {
        let id = subscription["id"].as_str().unwrap();
        let payments = app.get(&format!("/billing/payments?subscriptionId={id}")).await.data(200);
        let payments = payments["items"].as_array().unwrap().clone();
        assert_eq!((payments.len(), &payments[0]["status"]), (attempts, &json!(last)), "{name}");
        let orders: BTreeSet<_> = payments.iter().map(|p| p["orderId"].to_string()).collect();
        assert_eq!(orders.len(), attempts, "{name}: an order number of its own for each attempt");
        assert_eq!(app.status(&json!(id)).await, status, "{name}");
        let listed = format!("/billing/keys?status={card}&limit=100");
        let keys = app.get(&listed).await.data(200)["items"].clone();
        let of_card = |key: &&Value| key["billingKey"] == subscription["billingKey"];
        assert!(keys.as_array().unwrap().iter().any(|key| of_card(&key)), "{name}");

        let of_it: Vec<&str> = events
            .iter()
            .filter(|event| event["subscriptionId"] == id)
            .map(|event| event["type"].as_str().unwrap())
            .collect();
        let changes: Vec<_> = of_it
            .iter()
            .filter_map(|kind| kind.strip_prefix("subscription."))
            .filter(|kind| !["created", "updated", "renewal_upcoming"].contains(kind))
            .collect();
        assert_eq!(changes, told, "{name}");
        let counted = |kind: &str| of_it.iter().filter(|told| **told == kind).count();
        let refused = if last == "approved" { attempts - 1 } else { 0 };
        assert_eq!(counted("payment.refused"), refused, "{name}");
        let declined = if last == "declined" { attempts } else { 0 };
        assert_eq!(counted("payment.declined"), declined, "{name}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn our_mistake_raises_one_alarm_that_names_the_setting_until_it_is_mended() {
    let app = TestApp::start().await;
    let key = app.register(APPROVED).await;
    let made = app.subscribe(&key, 15).await;
    let ready = || async { app.ready().await };
    assert_eq!(ready().await.get("merchantSettings"), None);
    app.fault(json!({"on": "CARD-BATCH", "kind": "decline", "code": "9103", "times": 4})).await;
    app.advance_to_charge(&made["nextBillingDate"]).await;

    let waits = json!([{"setting": "KIWOOM_BILL_TYPE", "resultCode": "9103",
        "waitingSubscriptions": 1}]);
    assert_eq!(ready().await["merchantSettings"], waits);
    let metrics = app.get("/metrics").await.text;
    assert!(metrics.contains("kiwoom_billing_merchant_settings_to_mend 1"), "{metrics}");
    let mut expected = made.clone();
    expected["coverage"] = json!("open");
    assert_eq!(app.subscription(&made["id"]).await, expected, "its day has come, and it waits");
    let path =
        format!("/billing/payments?status=refused&subscriptionId={}", made["id"].as_str().unwrap());
    let refused = app.get(&path).await.data(200)["items"][0].clone();
    assert_eq!(refused["failure"]["setting"], "KIWOOM_BILL_TYPE");
    let declined = path.replace("refused", "declined");
    assert_eq!(app.get(&declined).await.data(200)["items"], json!([]));

    // A caller who does not want to wait is told the same, and does not disturb the schedule.
    let reply = app.pay_period(&made["id"]).await;
    reply.fails(502, "merchant_setting");
    assert_eq!(reply.error(502)["details"][0]["field"], "KIWOOM_BILL_TYPE");
    assert_eq!(reply.error(502)["gateway"]["resultCode"], "9103");

    // Another process on the same books sees what waits.
    let replica = app.replica(&[]).await;
    assert_eq!(replica.ready().await["merchantSettings"], waits);
    replica.service.stop().await;

    let day = made["nextBillingDate"].as_str().unwrap();
    app.advance_to(&format!("{day}T14:30:00+09:00")).await;
    assert_eq!(app.status(&made["id"]).await, "active");
    assert_eq!(app.charged_on().await, [day]);
    assert_eq!(ready().await.get("merchantSettings"), None);
    let metrics = app.get("/metrics").await.text;
    assert!(metrics.contains("kiwoom_billing_merchant_settings_to_mend 0"), "{metrics}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_key_that_step_1_refuses_declines_nobody_either() {
    let app = TestApp::start().await;
    let key = app.register(APPROVED).await;
    let made = app.subscribe(&key, 15).await;
    app.fault(json!({"on": "READY", "kind": "decline", "code": "FAIL", "times": 20})).await;
    app.advance_to_charge(&made["nextBillingDate"]).await;
    let told = app.ready().await["merchantSettings"][0].clone();
    assert_eq!((&told["resultCode"], &told["waitingSubscriptions"]), (&json!("FAIL"), &json!(0)));
    assert!(told["setting"].as_str().unwrap().contains("KIWOOM_PROD_AUTH_KEY"));
    app.pay_period(&made["id"]).await.fails(502, "merchant_setting");
    app.advance_days(1).await;
    assert_eq!((app.status(&made["id"]).await.as_str(), app.ledger().await.len()), ("active", 1));
    assert_eq!(app.ready().await.get("merchantSettings"), None);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_changed_while_a_charge_waits_holds_for_it() {
    let app = TestApp::start().await;
    let key = app.register(APPROVED).await;
    let made = app.subscribe(&key, 15).await;
    app.fault(json!({"on": "CARD-BATCH", "kind": "decline", "code": "9011"})).await;
    app.advance_to_charge(&made["nextBillingDate"]).await;
    app.change(&made["id"], &json!({"productName": "새 이름", "amount": 5000})).await.data(200);
    app.advance_days(1).await;
    let charged = app.ledger().await;
    let told = (&charged[0]["productName"], &charged[0]["amount"], charged.len());
    assert_eq!(told, (&json!("새 이름"), &json!(5000), 1));
}

#[tokio::test(flavor = "multi_thread")]
async fn the_merchant_s_own_file_decides_before_what_is_built_in() {
    let path = std::env::temp_dir().join(format!("kb-{}", uuid::Uuid::now_v7().simple()));
    std::fs::write(&path, "# 운영팀\n7777 = unknown\n1071=later\n").unwrap();
    let app = TestApp::with(&[("KIWOOM_CODES_FILE", path.to_str().unwrap())]).await;
    std::fs::remove_file(&path).unwrap();
    let key = app.register(APPROVED).await;
    app.fault(json!({"on": "CARD-BATCH", "kind": "decline", "code": "7777"})).await;
    app.pay(&key).await.data(202);
    app.fault(json!({"on": "CARD-BATCH", "kind": "decline", "code": "1071"})).await;
    app.pay(&key).await.fails(402, "payment_declined");
    app.pay(&key).await.data(200);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_comeback_that_is_refused_for_our_mistake_leaves_it_unpaid() {
    let app = TestApp::with(&[("RETRY_DAYS", "none")]).await;
    let (id, _) = renewed_with(&app, ALWAYS_SHORT).await;
    app.advance_days(5).await;
    let unpaid = app.subscription(&id).await;
    assert_eq!(unpaid["status"], "unpaid");
    let good = app.register(APPROVED).await;
    app.fault(json!({"on": "CARD-BATCH", "kind": "decline", "code": "9103"})).await;
    let changed = app.change(&id, &json!({"billingKey": good})).await.data(200);
    assert_eq!((&changed["status"], &changed["coverage"]), (&json!("unpaid"), &json!("none")));
    app.advance_days(2).await;
    assert_eq!(app.ledger().await, Vec::<Value>::new(), "nobody was told that it is charged");
    let paid = app.pay_period(&id).await.data(200);
    assert_eq!(
        (&paid["status"], &paid["period"]["start"]),
        (&json!("approved"), &json!(app.today()))
    );
    assert_eq!(app.status(&id).await, "active");
}
