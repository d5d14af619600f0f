//! Every page and every action with every kind of key: what its scopes allow, and nothing else.

use kiwoom_billing::access::api_keys::Scope;
use serde_json::{Value, json};

use super::{KEYED, Visitor};
use crate::access::OF_SETTINGS;
use crate::support::app::{TestApp, card};
use crate::support::subscriptions::APPROVED;

/// Every page, with the scope that it takes. `{payment}` and the like stand for what [`Stage`] made.
pub const PAGES: &[(&str, Scope)] = &[
    ("/console", Scope::Read),
    ("/console/payments", Scope::Read),
    ("/console/payments/{payment}", Scope::Read),
    ("/console/refunds", Scope::Read),
    ("/console/notifications", Scope::Read),
    ("/console/orders/{order}", Scope::Read),
    ("/console/subscriptions", Scope::Read),
    ("/console/subscriptions/{subscription}", Scope::Read),
    ("/console/customers", Scope::Read),
    ("/console/customers/user123", Scope::Read),
    ("/console/customers/user123/file", Scope::Read),
    ("/console/cards", Scope::Read),
    ("/console/books", Scope::Read),
    ("/console/books/movements", Scope::Read),
    ("/console/books/movements.csv", Scope::Read),
    ("/console/books/movements.xlsx", Scope::Read),
    ("/console/events", Scope::Read),
    ("/console/events/{event}", Scope::Read),
    ("/console/reconciliation", Scope::Admin),
    ("/console/audit", Scope::Admin),
    ("/console/status", Scope::Admin),
];

/// Where a form goes, what it sends, and the scope that it takes.
type Action = (&'static str, &'static [(&'static str, &'static str)], Scope);

/// Every action.
pub const ACTIONS: &[Action] = &[
    ("/console/payments/{payment}/refund", &[("how", "all")], Scope::Refund),
    (
        "/console/payments/{payment}/resolve",
        &[("outcome", "approved"), ("transactionId", "T1"), ("reason", "확인")],
        Scope::Admin,
    ),
    (
        "/console/refunds/{refund}/resolve",
        &[("outcome", "refunded"), ("transactionId", "T1"), ("reason", "확인")],
        Scope::Admin,
    ),
    ("/console/orders/{order}/cancel", &[("reason", "고객 요청")], Scope::Refund),
    ("/console/orders/{order}/resolve", &[("outcome", "unpaid"), ("reason", "확인")], Scope::Admin),
    ("/console/subscriptions/{subscription}/change", &[("amount", "8900")], Scope::Charge),
    ("/console/subscriptions/{subscription}/pause", &[("at", "now")], Scope::Charge),
    ("/console/subscriptions/{subscription}/resume", &[], Scope::Charge),
    (
        "/console/subscriptions/{subscription}/extend",
        &[("days", "3"), ("reason", "사과")],
        Scope::Charge,
    ),
    ("/console/subscriptions/{subscription}/charge", &[], Scope::Charge),
    (
        "/console/subscriptions/{subscription}/consent",
        &[("amount", "9900"), ("method", "전화")],
        Scope::Charge,
    ),
    ("/console/cards/{billingKey}/activate", &[], Scope::Charge),
    ("/console/subscriptions/{subscription}/keep", &[], Scope::Charge),
    ("/console/subscriptions/{subscription}/cancel", &[("when", "now")], Scope::Charge),
    ("/console/events/{event}/redeliver", &[], Scope::Admin),
    ("/console/events/redeliver", &[("since", "2020-01-01T00:00")], Scope::Admin),
];

/// Kinds of people.
const KEYS: [&[Scope]; 5] = [
    &[Scope::Read],
    &[Scope::Read, Scope::Charge],
    &[Scope::Read, Scope::Refund],
    &[Scope::Charge, Scope::Refund],
    &[Scope::Admin],
];

/// A service with one of each thing that a page may show.
pub struct Stage {
    pub app: TestApp,
    ids: Vec<(&'static str, String)>,
}

impl Stage {
    pub async fn start() -> Self {
        Self::with(&KEYED).await
    }

    pub async fn with(settings: &[(&str, &str)]) -> Self {
        let app = TestApp::with(settings).await;
        let post = async |path: &str, body: &Value| {
            let request = app.request(reqwest::Method::POST, path).bearer_auth(OF_SETTINGS);
            app.send(request.json(body)).await.json()["data"].clone()
        };
        let key = post("/billing/register", &card(APPROVED)).await["billingKey"].clone();
        let paid = json!({"billingKey": key, "customerId": "user123", "amount": 9900,
            "productName": "단건 결제"});
        let payment = post("/billing/pay", &paid).await["id"].clone();
        let refunded = post("/billing/pay", &paid).await["id"].clone();
        let refund = json!({"paymentId": refunded, "amount": 100});
        let refund = post("/billing/refund", &refund).await["refund"]["id"].clone();
        let plan = json!({"billingKey": key, "customerId": "user123", "planId": "pro",
            "amount": 9900, "productName": "월간 구독", "chargeNow": true});
        let subscription = post("/billing/subscribe", &plan).await["id"].clone();
        let order = json!({"orderId": "ORDER-1", "amount": 100, "productName": "x",
            "customerName": "홍길동"});
        post("/easypay/prepare", &order).await;
        // The gateway tells of the refund.
        let told = "select exists (select from notifications where verdict = 'applied')";
        while !sqlx::query_scalar::<_, bool>(told).fetch_one(&app.service.ctx.pool).await.unwrap() {
            tokio::time::sleep(std::time::Duration::from_millis(20)).await;
        }
        app.until_published().await;
        let request = app.request(reqwest::Method::GET, "/events").bearer_auth(OF_SETTINGS);
        let event = app.send(request).await.data(200)["items"][0]["id"].clone();
        let ids = [
            ("{payment}", payment),
            ("{refund}", refund),
            ("{subscription}", subscription),
            ("{event}", event),
            ("{order}", json!("ORDER-1")),
            ("{billingKey}", key),
        ];
        let text = |id: Value| id.as_str().unwrap_or_else(|| panic!("{id}")).to_owned();
        Self { app, ids: ids.map(|(name, id)| (name, text(id))).into() }
    }

    /// The path with the ids of what was made.
    pub fn path(&self, path: &str) -> String {
        let ids = self.ids.iter();
        ids.fold(path.to_owned(), |path, (name, id)| path.replace(name, id))
    }

    /// Everything but the sessions, which are seen at each request.
    pub async fn books(&self) -> Value {
        let mut everything = self.app.everything().await;
        everything["rows"].as_object_mut().unwrap().remove("console_sessions");
        everything
    }
}

fn may(key: &[Scope], scope: Scope) -> bool {
    key.contains(&scope) || key.contains(&Scope::Admin)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_key_sees_the_pages_of_its_scopes_and_is_told_what_the_others_need() {
    let stage = Stage::start().await;
    let (mut seen, mut refused) = (0, 0);
    for key in KEYS {
        let mut visitor = Visitor::with(&stage.app, key).await;
        for (page, scope) in PAGES {
            let reply = visitor.get(&stage.path(page)).await;
            if may(key, *scope) {
                assert_eq!(reply.status, 200, "{key:?} {page}: {}", reply.text);
                seen += 1;
            } else {
                assert_eq!(reply.status, 403, "{key:?} {page}: {}", reply.text);
                let message = format!("API 키에 {} 권한이 없습니다.", scope.name());
                assert!(reply.text.contains(&message), "{key:?} {page}: {}", reply.text);
                let is_page = reply.text.starts_with("<!doctype html>");
                assert!(is_page, "{key:?} {page}: {}", reply.text);
                refused += 1;
            }
            // The navigation names what the key may see.
            for (entry, scope) in [("payments", Scope::Read), ("audit", Scope::Admin)] {
                let link = format!("href=\"/console/{entry}\"");
                let shown = reply.text.contains(&link);
                let is_page = reply.text.starts_with("<!doctype html>");
                assert!(!is_page || shown || !may(key, scope), "{key:?} {page}: {link}");
                assert!(!shown || may(key, scope), "{key:?} {page}: {link}");
            }
        }
    }
    assert_eq!(seen + refused, KEYS.len() * PAGES.len());
    println!("{seen} pages seen, {refused} refused");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_action_that_the_scopes_forbid_is_refused_and_does_nothing() {
    let stage = Stage::start().await;
    let before = stage.books().await;
    let mut refused = 0;
    for key in KEYS {
        let mut visitor = Visitor::with(&stage.app, key).await;
        for (action, fields, scope) in ACTIONS.iter().filter(|row| !may(key, row.2)) {
            let reply = visitor.act(&stage.path(action), fields).await;
            assert_eq!(reply.status, 403, "{key:?} {action}: {}", reply.text);
            let message = format!("API 키에 {} 권한이 없습니다.", scope.name());
            assert!(reply.text.contains(&message), "{key:?} {action}: {}", reply.text);
            refused += 1;
        }
    }
    let mut after = stage.books().await;
    after["rows"]["api_keys"] = before["rows"]["api_keys"].clone();
    assert_eq!(after, before);
    println!("{refused} actions refused");
}

/// What an allowed key asks for reaches the API: it is done, or refused for a reason of its own.
#[tokio::test(flavor = "multi_thread")]
async fn an_action_that_the_scopes_allow_reaches_the_api_under_the_keys_name() {
    for (action, fields, scope) in ACTIONS {
        let stage = Stage::start().await;
        let key = stage.app.key(&[Scope::Read, *scope]).await;
        let mut visitor = Visitor::signed_in(&stage.app, &key).await;
        let reply = visitor.act(&stage.path(action), fields).await;
        let expected = matches!(reply.status, 303 | 400 | 409);
        assert!(expected, "{action}: {} {}", reply.status, reply.text);
        if reply.status == 303 {
            assert!(super::location(&reply).starts_with("/console/"), "{action}");
        }
    }
}

/// The forms of a page are those that the key may send.
#[tokio::test(flavor = "multi_thread")]
async fn a_page_shows_no_form_that_the_key_may_not_send() {
    let stage = Stage::start().await;
    for key in KEYS.into_iter().filter(|key| may(key, Scope::Read)) {
        let mut visitor = Visitor::with(&stage.app, key).await;
        for (page, _) in PAGES.iter().filter(|(_, scope)| may(key, *scope)) {
            let text = visitor.page(&stage.path(page)).await;
            for (action, _, scope) in ACTIONS.iter().filter(|row| !may(key, row.2)) {
                let form = format!("action=\"{}\"", stage.path(action));
                assert!(!text.contains(&form), "{key:?} {page} ({scope:?}): {form}");
            }
        }
    }
}
