//! What the console does is the API's: once, under the key's name, with its words.

use kiwoom_billing::access::api_keys::Scope;
use reqwest::Method;
use serde_json::{Value, json};

use super::{KEYED, Visitor, asking, location, value_of};
use crate::access::{OF_SETTINGS, id};
use crate::support::app::{Reply, TestApp};
use crate::support::receiver::Receiver;

async fn payment(app: &TestApp) -> Value {
    let key = app
        .send(
            app.request(Method::POST, "/billing/register")
                .bearer_auth(OF_SETTINGS)
                .json(&crate::support::app::card("4111111111111111")),
        )
        .await
        .data(201)["billingKey"]
        .clone();
    let body = crate::support::app::one_off(key.as_str().unwrap());
    let request = app.request(Method::POST, "/billing/pay").bearer_auth(OF_SETTINGS);
    app.send(request.json(&body)).await.data(200)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_form_sent_twice_refunds_once_and_the_trail_names_the_key_and_the_console() {
    let app = TestApp::with(&KEYED).await;
    let paid = payment(&app).await;
    let key = app.key(&[Scope::Read, Scope::Refund]).await;
    let mut visitor = Visitor::signed_in(&app, &key).await;
    let path = format!("/console/payments/{}", paid["id"].as_str().unwrap());
    let page = visitor.page(&path).await;
    let once = value_of(&page, "idempotencyKey").unwrap().to_owned();
    let fields = [("idempotencyKey", once.as_str()), ("how", "part"), ("amount", "1,000")];
    for _ in 0..2 {
        let reply = visitor.act(&format!("{path}/refund"), &fields).await;
        assert_eq!((reply.status, location(&reply)), (303, path.as_str()), "{}", reply.text);
    }
    let ledger = app.ledger().await;
    assert_eq!(ledger[0]["canceledAmount"], 1000, "{ledger:?}");
    // The page says so, once.
    assert!(visitor.page(&path).await.contains("class=\"flash\""));
    assert!(!visitor.page(&path).await.contains("class=\"flash\""));

    // A refusal that is mended and sent again from the same page is another wish.
    let fields = [("idempotencyKey", "another-page"), ("how", "part"), ("amount", "많이")];
    let reply = visitor.act(&format!("{path}/refund"), &fields).await;
    assert_eq!(reply.status, 400);
    assert!(reply.text.contains("<code>amount</code>"), "{}", reply.text);
    let id_of = reply.headers["x-request-id"].to_str().unwrap();
    assert!(reply.text.contains(id_of), "{}", reply.text);
    let fields = [("idempotencyKey", "another-page"), ("how", "part"), ("amount", "500")];
    assert_eq!(visitor.act(&format!("{path}/refund"), &fields).await.status, 303);
    assert_eq!(app.ledger().await[0]["canceledAmount"], 1500);

    app.until_published().await;
    let mut admin = Visitor::signed_in(&app, OF_SETTINGS).await;
    let actor = format!("{} (console)", id(&key));
    let page = admin.page(&format!("/console/audit?actor={}+(console)", id(&key))).await;
    assert!(page.contains(&actor) && page.contains("refund.succeeded"), "{page}");
    let trail = app.request(Method::GET, &asking("/audit", &[("actor", &actor)]));
    let trail = trail.bearer_auth(OF_SETTINGS);
    let trail = app.send(trail).await.data(200);
    assert_eq!(
        trail["items"].as_array().unwrap().len(),
        6,
        "two refunds, three events each: {trail}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn errors_are_the_apis_own_in_the_language_of_the_page() {
    let app = TestApp::with(&KEYED).await;
    let mut visitor = Visitor::signed_in(&app, OF_SETTINGS).await;
    for (language, message) in
        [("ko", "이벤트를 찾을 수 없습니다."), ("en", "There is no such event.")]
    {
        visitor.get(&format!("/console/language?to={language}")).await;
        let reply = visitor.get("/console/events/evt_x").await;
        assert_eq!(reply.status, 404);
        assert!(
            reply.text.contains(message) && reply.text.contains("event_not_found"),
            "{}",
            reply.text
        );
    }
    assert_eq!(visitor.get("/console/events/%00%ff").await.status, 400);
    app.service.ctx.pool.close().await;
    let reply = visitor.get("/console/events").await;
    assert_eq!(reply.status, 503);
    assert!(reply.text.contains("database_unavailable"), "{}", reply.text);
}

#[tokio::test(flavor = "multi_thread")]
async fn events_are_found_delivered_again_one_by_one_and_since_a_time() {
    let receiver = Receiver::start().await;
    let settings = receiver.settings();
    let settings: Vec<(&str, &str)> =
        settings.iter().map(|(name, value)| (*name, value.as_str())).collect();
    let app = TestApp::with(&[&settings[..], &KEYED].concat()).await;
    payment(&app).await;
    receiver.until_delivered(&app).await;
    assert_eq!(receiver.calls(), 3);
    let mut visitor = Visitor::signed_in(&app, OF_SETTINGS).await;
    let page = visitor.page("/console/events?type=payment.approved").await;
    assert_eq!(page.matches("/console/events/evt_").count(), 1, "{page}");
    let event = page.split("href=\"/console/events/").nth(1).unwrap().split('"').next().unwrap();
    let path = format!("/console/events/{event}");
    let page = visitor.page(&path).await;
    assert!(page.contains("전달됨") && page.contains("HTTP 20"), "{page}");
    let reply = visitor.act(&format!("{path}/redeliver"), &[]).await;
    assert_eq!((reply.status, location(&reply)), (303, path.as_str()));
    receiver.until_delivered(&app).await;
    assert_eq!(receiver.calls(), 4);
    let reply = visitor.act("/console/events/redeliver", &[("since", "2020-01-01T00:00")]).await;
    assert_eq!((reply.status, location(&reply)), (303, "/console/events"), "{}", reply.text);
    assert!(visitor.page("/console/events").await.contains("이벤트 3건을 다시 보냅니다."));
    receiver.until_delivered(&app).await;
    assert_eq!(receiver.calls(), 7);
    let fields = [("since", "2020-01-01T00:00"), ("undeliveredOnly", "true")];
    visitor.act("/console/events/redeliver", &fields).await;
    assert!(visitor.page("/console/events").await.contains("이벤트 0건을 다시 보냅니다."));
    let given_up = visitor.page("/console/events?delivery=given_up").await;
    assert!(given_up.contains("이벤트가 없습니다."), "{given_up}");
}

async fn upload(visitor: &mut Visitor<'_>, list: &str, settle: &str, hx: bool) -> Reply {
    let csrf = visitor.csrf().await;
    let part = |name: &str, value: &str| {
        format!("--end\r\ncontent-disposition: form-data; name=\"{name}\"\r\n\r\n{value}\r\n")
    };
    let file = part("list\"; filename=\"목록.csv", list);
    let body = format!("{}{}{file}--end--\r\n", part("csrf", &csrf), part("settle", settle));
    let request = visitor.request(Method::POST, "/console/reconciliation").body(body);
    let request = request.header("content-type", "multipart/form-data; boundary=end");
    let request = if hx { request.header("hx-request", "true") } else { request };
    visitor.send(request).await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_list_is_compared_and_what_it_proves_is_settled() {
    let app = TestApp::at_noon(&[]).await;
    let transaction = app.pay_unheard("ORDER-1", None).await;
    let now =
        app.get("/sandbox/clock").await.json()["now"].as_str().unwrap()[..19].replace('T', " ");
    let list = format!("transactionId,orderNo,amount,at\n{transaction},ORDER-1,9900,{now}\n");
    let mut visitor = Visitor::new(&app);
    visitor.page("/console/reconciliation").await;
    let before = app.books().await;
    let reply = upload(&mut visitor, &list, "false", true).await;
    assert_eq!(reply.status, 200, "{}", reply.text);
    assert!(
        reply.text.trim_start().starts_with("<section") && reply.text.contains(&transaction),
        "{}",
        reply.text
    );
    assert!(
        reply.text.contains("변경한 내용은 없습니다.") && reply.text.contains("입증됨"),
        "{}",
        reply.text
    );
    assert_eq!(app.books().await, before);
    let reply = upload(&mut visitor, &list, "true", false).await;
    assert!(
        reply.text.contains("<!doctype html>") && reply.text.contains("확정"),
        "{}",
        reply.text
    );
    let order = app.get("/easypay/status/ORDER-1").await.data(200);
    assert_eq!((&order["status"], &order["transactionId"]), (&json!("paid"), &json!(transaction)));
    for nothing in ["", "이것은 목록이 아닙니다"] {
        let reply = upload(&mut visitor, nothing, "true", true).await;
        assert!(reply.status == 200 && reply.text.contains("role=\"alert\""), "{}", reply.text);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_status_shows_keys_settings_and_versions_and_no_secret() {
    let app = TestApp::with(&KEYED).await;
    let key = app.key(&[Scope::Read]).await;
    let mut visitor = Visitor::signed_in(&app, OF_SETTINGS).await;
    let page = visitor.page("/console/status").await;
    for shown in [id(&key), "SCHEDULER_INTERVAL_SECS", "PostgreSQL", env!("CARGO_PKG_VERSION")] {
        assert!(page.contains(shown), "{shown}: {page}");
    }
    let password =
        app.setting("DATABASE_URL").split('@').next().unwrap().rsplit(':').next().unwrap();
    for secret in [OF_SETTINGS, &key[17..], password] {
        assert!(secret.len() < 5 || !page.contains(secret), "{page}");
    }
}
