//! Texts that would be code if a page took them for code, in every field that pages show and in every
//! part of an address that they repeat: they stay texts.

use kiwoom_billing::access::api_keys::store::{self, Terms};
use kiwoom_billing::access::api_keys::{NewKey, Scope};
use reqwest::Method;
use serde_json::{Value, json};

use super::matrix::{PAGES, Stage};
use super::{Fields, KEYED, Visitor, asking};
use crate::access::OF_SETTINGS;
use crate::support::app::{Reply, TestApp};
use crate::support::subscriptions::APPROVED;

/// At most 50 bytes, as long as a product's name may be; none with `|`.
const TEXTS: [&str; 6] = [
    "<script>ran=1</script>",
    "\"><img src=x onerror=ran=1>",
    "' onfocus=ran=1 autofocus x='",
    "</title></textarea><svg onload=ran=1>",
    "{{7*7}}${ran=1}<%=ran=1%>",
    "</dd></td><b>굵게</b>&lt;i&gt;",
];

/// What each of them would have to be in a page to be code.
const CODE: [&str; 7] = [
    "<script>ran",
    "<img src=x",
    "' onfocus=ran=1 autofocus x='",
    "<svg onload",
    "<b>굵게",
    "{{49}}",
    "</dd></td><b>",
];

#[track_caller]
fn is_text(what: &str, reply: &Reply) {
    if !reply.text.starts_with("<!doctype html>") && !reply.text.starts_with("<section") {
        return;
    }
    for code in CODE {
        assert!(!reply.text.contains(code), "{what}: {code}\n{}", reply.text);
    }
}

async fn post(app: &TestApp, path: &str, body: &Value) -> Value {
    let request = app.request(Method::POST, path).bearer_auth(OF_SETTINGS);
    app.send(request.json(body)).await.json()["data"].clone()
}

/// One of each thing with this text wherever the API takes it.
async fn made_of(app: &TestApp, text: &str) -> Vec<String> {
    let card = json!({"cardNumber": APPROVED, "expireDate": "2512", "cardPassword": "12",
        "birthDate": "901231", "customerName": text, "customerId": text});
    let key = post(app, "/billing/register", &card).await["billingKey"].clone();
    let paid = json!({"billingKey": key, "customerId": text, "amount": 9900, "productName": text});
    let payment = post(app, "/billing/pay", &paid).await;
    let refund = json!({"paymentId": payment["id"], "amount": 100, "reason": text});
    post(app, "/billing/refund", &refund).await;
    let plan = json!({"billingKey": key, "customerId": text, "planId": text, "amount": 9900,
        "productName": text, "metadata": {"이름": text}, "chargeNow": true});
    let subscription = post(app, "/billing/subscribe", &plan).await;
    let id = subscription["id"].as_str().unwrap_or_default();
    let consent = json!({"amount": 12000, "method": "웹", "evidence": text});
    post(app, &format!("/billing/subscription/{id}/consent"), &consent).await;
    let extend = json!({"days": 1, "reason": text});
    post(app, &format!("/billing/subscription/{id}/extend"), &extend).await;
    let path = |page: &str, id: &Value| Some(format!("/console/{page}/{}", id.as_str()?));
    let made = [path("payments", &payment["id"]), path("subscriptions", &subscription["id"])];
    let customer = format!("/console/customers/{}", percent_encoding(text));
    made.into_iter().flatten().chain([customer]).collect()
}

fn percent_encoding(text: &str) -> String {
    url::form_urlencoded::byte_serialize(text.as_bytes()).collect::<String>().replace('+', "%20")
}

#[tokio::test(flavor = "multi_thread")]
async fn what_customers_and_callers_wrote_is_text_on_every_page() {
    let stage = Stage::start().await;
    let app = &stage.app;
    let mut own = Vec::new();
    for text in TEXTS {
        own.extend(made_of(app, text).await);
        let owner = sqlx::PgPool::connect(&app.owner_url()).await.unwrap();
        let scopes = vec!["read".to_owned()];
        let terms = Terms { name: text.to_owned(), scopes, expires_days: None, first_id: None };
        store::insert(&owner, &NewKey::make(), &terms).await.unwrap();
        // A notification that nobody expects is shown as it came.
        let told = [("PAYMETHOD", text), ("ORDERNO", text), ("CPID", text), ("DAOUTRX", text)];
        app.get(&asking("/webhook/kiwoom", &told)).await;
    }
    app.until_published().await;
    let mut visitor = Visitor::with(app, &[Scope::Admin]).await;
    let pages = PAGES.iter().map(|(page, _)| stage.path(page));
    let mut shown = 0;
    for path in pages.chain(own) {
        let reply = visitor.get(&path).await;
        assert_eq!(reply.status, 200, "{path}: {}", reply.text);
        is_text(&path, &reply);
        shown += reply.text.matches("&#60;script&#62;ran=1").count();
        shown += reply.text.matches("&lt;script&gt;ran=1").count();
    }
    assert!(shown > 10, "the texts are shown: {shown}");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_an_address_or_a_form_says_is_repeated_as_text() {
    let stage = Stage::with(&KEYED).await;
    let mut visitor = Visitor::with(&stage.app, &[Scope::Admin]).await;
    let names = [
        "type",
        "delivery",
        "objectId",
        "actor",
        "cursor",
        "customerId",
        "orderId",
        "status",
        "from",
        "to",
        "next",
        "q",
        "transactionId",
        "card",
        "minAmount",
        "by",
        "kind",
        "method",
    ];
    for text in TEXTS {
        for (page, _) in PAGES {
            for name in names {
                let reply = visitor.get(&asking(&stage.path(page), &[(name, text)])).await;
                is_text(&format!("{page}?{name}"), &reply);
            }
            let reply = visitor.get(&format!("{page}/{}", percent_encoding(text))).await;
            is_text(page, &reply);
        }
        let mut stranger = Visitor::new(&stage.app);
        is_text("sign-in", &stranger.get(&asking("/console/sign-in", &[("next", text)])).await);
        let fields = [("apiKey", text), ("next", text)];
        let request = stranger.request(Method::POST, "/console/sign-in").fields(&fields);
        is_text("sign-in", &stranger.send(request).await);
        // A saying that the session did not write is not said.
        visitor
            .cookies
            .insert("kiwoom_console_flash".to_owned(), format!("x.{}", percent_encoding(text)));
        let reply = visitor.get("/console/status").await;
        is_text("flash", &reply);
        assert!(!reply.text.contains("class=\"flash\""), "{}", reply.text);
        visitor.cookies.remove("kiwoom_console_flash");
        let reply = visitor.act("/console/events/redeliver", &[("since", text)]).await;
        is_text("since", &reply);
    }
}
