//! What can be done with a subscription.

use askama::Template;
use axum::extract::Path;
use axum::http::Method;
use serde::Deserialize;
use serde_json::{Value, json};

use crate::console::api::segment;
use crate::console::failed::Failed;
use crate::console::form::Form;
use crate::console::frame::{Console, Page};
use crate::console::pages::answers::{NextCharge, Subscription};

fn page_of(id: &str) -> String {
    format!("/console/subscriptions/{}", segment(id))
}

fn api_of(id: &str, action: &str) -> String {
    format!("/billing/subscription/{}{action}", segment(id))
}

/// What was filled in; with a consent when it says how that was given.
fn wish(form: &Form) -> Value {
    let texts = ["when", "interval", "planId", "productName", "billingKey"];
    let numbers = ["amount", "taxFreeAmount", "cycleDay", "intervalCount"];
    let mut body = form.json(&texts, &numbers);
    if let Some(method) = form.optional("consentMethod") {
        body["consent"] = form.json(&["evidence"], &[]);
        body["consent"]["method"] = json!(method);
    }
    body
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Lines {
    credit: i64,
    charge: i64,
    total: i64,
    next_charges: Vec<NextCharge>,
}

#[derive(Deserialize)]
struct Previewed {
    #[serde(flatten)]
    subscription: Subscription,
    preview: Option<Lines>,
}

#[derive(Template)]
#[template(path = "subscriptions/preview.html")]
struct Preview<'a> {
    c: &'a Console,
    lines: Option<Lines>,
    s: Option<Subscription>,
    failed: Option<Failed>,
}

/// What the change would do: a part of the page, which htmx puts in its place.
pub async fn preview(c: Console, Path(id): Path<String>, form: Form) -> Page {
    let path = api_of(&id, "?preview=true");
    // Nothing is changed: the form's key is for the change itself.
    let asked = c.api.write::<Previewed>(Method::PATCH, &path, &wish(&form), None).await;
    let (lines, s, failed) = match asked {
        Ok(previewed) => (previewed.preview, Some(previewed.subscription), None),
        Err(failed) => (None, None, Some(failed)),
    };
    c.page(&Preview { c: &c, lines, s, failed })
}

pub async fn change(c: Console, Path(id): Path<String>, form: Form) -> Page {
    let _: Value = c.write(Method::PATCH, &api_of(&id, ""), &wish(&form), &form).await?;
    c.done(&page_of(&id), "변경했습니다.", "Changed.")
}

pub async fn pause(c: Console, Path(id): Path<String>, form: Form) -> Page {
    let _: Value = c.post(&api_of(&id, "/pause"), &form.json(&["until", "at"], &[]), &form).await?;
    c.done(&page_of(&id), "일시정지했습니다.", "Paused.")
}

pub async fn resume(c: Console, Path(id): Path<String>, form: Form) -> Page {
    let _: Value = c.post(&api_of(&id, "/resume"), &json!({}), &form).await?;
    c.done(&page_of(&id), "다시 시작했습니다.", "Resumed.")
}

pub async fn extend(c: Console, Path(id): Path<String>, form: Form) -> Page {
    let body = form.json(&["reason"], &["days"]);
    let _: Value = c.post(&api_of(&id, "/extend"), &body, &form).await?;
    c.done(&page_of(&id), "무료 일수를 더했습니다.", "Free days were given.")
}

pub async fn cancel(c: Console, Path(id): Path<String>, form: Form) -> Page {
    let mut body = form.json(&["reason"], &[]);
    body["subscriptionId"] = json!(id);
    body["atPeriodEnd"] = json!(form.text("when") != "now");
    let _: Value = c.post("/billing/cancel", &body, &form).await?;
    c.done(&page_of(&id), "취소했습니다.", "Cancelled.")
}

/// Takes back a cancellation that was to come.
pub async fn keep(c: Console, Path(id): Path<String>, form: Form) -> Page {
    let body = json!({ "cancelAtPeriodEnd": false });
    let _: Value = c.write(Method::PATCH, &api_of(&id, ""), &body, &form).await?;
    c.done(&page_of(&id), "취소 예약을 되돌렸습니다.", "It goes on.")
}

/// Records a consent to what is to be charged from now on.
pub async fn consent(c: Console, Path(id): Path<String>, form: Form) -> Page {
    let body = form.json(&["method", "evidence"], &["amount"]);
    let _: Value = c.post(&api_of(&id, "/consent"), &body, &form).await?;
    c.done(&page_of(&id), "동의를 기록했습니다.", "The consent is recorded.")
}

/// Charges what is past due or unpaid now.
pub async fn charge(c: Console, Path(id): Path<String>, form: Form) -> Page {
    let _: Value = c.post("/billing/pay", &json!({ "subscriptionId": id }), &form).await?;
    c.done(
        &page_of(&id),
        "청구했습니다. 결과는 아래 시도에서 확인해 주세요.",
        "Charged: see the attempts below.",
    )
}
