//! What the pages read of the API's answers: the fields that they show.

use chrono::NaiveDate;
use serde::Deserialize;

/// A page of a list.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct List<T> {
    pub items: Vec<T>,
    pub next_cursor: Option<String>,
}

impl<T> Default for List<T> {
    fn default() -> Self {
        Self { items: Vec::new(), next_cursor: None }
    }
}

#[derive(Deserialize)]
pub struct Period {
    pub start: NaiveDate,
    pub end: NaiveDate,
}

#[derive(Deserialize)]
pub struct Failure {
    pub code: String,
    pub message: String,
    pub setting: Option<String>,
}

/// A payment page link.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct PaymentLink {
    pub status: String,
    pub amount: i64,
    pub product_name: String,
    pub subscription_id: Option<String>,
    pub until: String,
    pub created_at: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Payment {
    pub id: String,
    pub order_id: String,
    pub status: String,
    pub amount: i64,
    #[serde(default)]
    pub tax_free_amount: i64,
    pub refundable_amount: i64,
    #[serde(default)]
    pub credited_amount: i64,
    pub customer_id: Option<String>,
    pub billing_key: Option<String>,
    pub subscription_id: Option<String>,
    pub period: Option<Period>,
    pub product_name: String,
    pub method: String,
    pub transaction_id: Option<String>,
    pub auth_number: Option<String>,
    pub approved_at: Option<String>,
    pub receipt_url: Option<String>,
    pub failure: Option<Failure>,
    pub created_at: String,
    pub unexpected: Option<String>,
    pub source: Option<String>,
}

impl Payment {
    /// Its page: an order of the payment window has one of its own.
    pub fn path(&self) -> String {
        let (kind, name) =
            if self.source.is_some() { ("orders", &self.order_id) } else { ("payments", &self.id) };
        format!("/console/{kind}/{}", crate::console::api::segment(name))
    }
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Refund {
    pub id: String,
    pub payment_id: String,
    pub amount: i64,
    #[serde(default)]
    pub tax_free_amount: i64,
    pub status: String,
    pub reason: Option<String>,
    pub refunded_at: Option<String>,
    #[serde(default)]
    pub from_credit: bool,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Event {
    pub id: String,
    pub r#type: String,
    pub timestamp: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Notification {
    pub kind: String,
    pub verdict: String,
    pub order_id: Option<String>,
    pub transaction_id: Option<String>,
    pub amount: Option<i64>,
    pub copies: i64,
    pub first_at: String,
    pub last_at: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Card {
    pub company: String,
    pub number: String,
    pub expires: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct BillingKey {
    pub billing_key: String,
    pub customer_id: String,
    pub customer_name: String,
    pub card: Card,
    pub status: String,
    pub inactive: Option<Failure>,
    pub created_at: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct NextCharge {
    pub date: NaiveDate,
    pub amount: i64,
    pub period_start: NaiveDate,
    pub period_end: NaiveDate,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Retry {
    pub attempt: i64,
    pub next_at: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct OpenCharge {
    pub amount: i64,
    pub period_start: NaiveDate,
    pub period_end: NaiveDate,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Subscription {
    pub id: String,
    pub status: String,
    pub billing_key: String,
    pub customer_id: String,
    pub plan_id: String,
    pub amount: i64,
    pub product_name: String,
    pub cycle_day: i64,
    pub interval: Option<String>,
    pub interval_count: Option<i64>,
    pub paid_through: Option<NaiveDate>,
    pub coverage: String,
    pub next_charge: Option<NextCharge>,
    pub credit_balance: i64,
    #[serde(default)]
    pub cancel_at_period_end: bool,
    #[serde(default)]
    pub pause_at_period_end: bool,
    pub retry: Option<Retry>,
    pub access_until: Option<String>,
    pub resumes_on: Option<NaiveDate>,
    pub trial_end: Option<NaiveDate>,
    pub end_date: Option<NaiveDate>,
    pub cycles_left: Option<i64>,
    pub pending_amount: Option<i64>,
    pub pending_from: Option<NaiveDate>,
    pub consent_from: Option<NaiveDate>,
    #[serde(default)]
    pub kept_days: i64,
    pub open_charge: Option<OpenCharge>,
    pub created_at: String,
    pub canceled_at: Option<String>,
    pub cancel_reason: Option<String>,
}
