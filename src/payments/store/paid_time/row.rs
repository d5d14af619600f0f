//! A row of `subscriptions`: what the service knows of it, and what follows from its paid time.

use chrono::{DateTime, NaiveDate, Utc};
use kiwoom_paid_time::Cadence;
use serde::{Deserialize, Serialize};
use sqlx::types::Json;
use uuid::Uuid;

use super::text;
use super::told::Told;
use crate::rules::ids::{BillingKeyId, ConsentId, SubscriptionId};
use crate::rules::metadata::Metadata;
use crate::rules::moments::Retries;
use crate::rules::money::Won;
use crate::rules::schedule::RetryDays;
use crate::rules::subscription_state::Status;

/// A row of `subscriptions`. What is charged and when is told by the paid time beside it
/// ([`super::Loaded`]); the columns for that are written from it and never by hand.
#[derive(Clone, Debug, sqlx::FromRow)]
#[expect(clippy::struct_excessive_bools, reason = "columns of the table")]
#[expect(missing_docs, reason = "the columns are described in the migrations")]
pub struct Row {
    pub id: SubscriptionId,
    pub customer_id: String,
    pub plan_id: String,
    pub billing_key_id: BillingKeyId,
    pub amount: Won,
    pub tax_free_amount: i64,
    pub product_name: String,
    pub status: Status,
    pub billing_interval: String,
    pub interval_count: i16,
    pub cycle_day: i16,
    pub period_start: NaiveDate,
    pub next_billing_date: NaiveDate,
    #[sqlx(flatten)]
    pub retries: Retries,
    pub next_attempt_at: Option<DateTime<Utc>>,
    pub cancel_at_period_end: bool,
    pub resume_on: Option<NaiveDate>,
    pub trial_end: Option<NaiveDate>,
    pub end_date: Option<NaiveDate>,
    pub cycles_left: Option<i16>,
    pub canceled_at: Option<DateTime<Utc>>,
    pub cancel_reason: Option<String>,
    pub metadata: Json<Metadata>,
    pub created_at: DateTime<Utc>,
    pub pending_amount: Option<Won>,
    pub pending_tax_free_amount: Option<i64>,
    pub pending_interval: Option<String>,
    pub pending_interval_count: Option<i16>,
    pub pending_cycle_day: Option<i16>,
    pub consent_id: Option<ConsentId>,
    pub pause_at_period_end: bool,
    pub credit: i64,
    pub carried: i64,
    pub undo_labels: Option<Json<Labels>>,
    pub canceled_on: Option<NaiveDate>,
    pub period_kind: Option<String>,
    pub period_reason: Option<String>,
    pub paid_through: Option<NaiveDate>,
    pub next_charge_date: Option<NaiveDate>,
    pub next_charge_start: Option<NaiveDate>,
    pub next_charge_end: Option<NaiveDate>,
    pub next_charge_amount: Option<i64>,
    pub next_charge_reason: Option<String>,
    pub rise_on: Option<NaiveDate>,
    pub rise_amount: Option<i64>,
    pub consent_from: Option<NaiveDate>,
    pub told: Option<Json<Told>>,
    pub legacy_end: bool,
    pub legacy_pause: bool,
    pub revision: i32,
}

/// What was before a change at once beside its price and its days: it comes back with them.
#[derive(Clone, Debug, PartialEq, Deserialize, Serialize)]
#[expect(missing_docs, reason = "columns of the row")]
pub struct Labels {
    pub plan_id: String,
    pub product_name: String,
    pub billing_key_id: Uuid,
    pub metadata: Metadata,
    pub retry_days: Option<Vec<i16>>,
}

/// What a new subscription is, beside its paid time.
#[derive(Clone, Debug)]
#[expect(missing_docs, reason = "columns of the row")]
pub struct Identity {
    pub id: SubscriptionId,
    pub customer_id: String,
    pub plan_id: String,
    pub billing_key_id: BillingKeyId,
    pub product_name: String,
    /// The price that holds for good: what its row shows until its first price is more than nothing.
    pub amount: Won,
    pub metadata: Metadata,
    pub retry_days: Option<RetryDays>,
    pub created_at: DateTime<Utc>,
}

impl Row {
    /// The row of a new subscription, without what follows from its paid time.
    pub(super) fn new(new: Identity, status: Status, today: NaiveDate) -> Self {
        Self {
            id: new.id,
            customer_id: new.customer_id,
            plan_id: new.plan_id,
            billing_key_id: new.billing_key_id,
            amount: new.amount,
            tax_free_amount: 0,
            product_name: new.product_name,
            status,
            billing_interval: String::new(),
            interval_count: 1,
            cycle_day: 1,
            period_start: today,
            next_billing_date: today,
            retries: Retries { retry_days: new.retry_days, ..Retries::default() },
            next_attempt_at: None,
            cancel_at_period_end: false,
            resume_on: None,
            trial_end: None,
            end_date: None,
            cycles_left: None,
            canceled_at: None,
            cancel_reason: None,
            metadata: Json(new.metadata),
            created_at: new.created_at,
            pending_amount: None,
            pending_tax_free_amount: None,
            pending_interval: None,
            pending_interval_count: None,
            pending_cycle_day: None,
            consent_id: None,
            pause_at_period_end: false,
            credit: 0,
            carried: 0,
            undo_labels: None,
            canceled_on: None,
            period_kind: None,
            period_reason: None,
            paid_through: None,
            next_charge_date: None,
            next_charge_start: None,
            next_charge_end: None,
            next_charge_amount: None,
            next_charge_reason: None,
            rise_on: None,
            rise_amount: None,
            consent_from: None,
            told: None,
            legacy_end: false,
            legacy_pause: false,
            revision: 0,
        }
    }

    /// How often it is charged, and on which day.
    pub fn cadence(&self) -> Cadence {
        cadence(&self.billing_interval, self.interval_count, self.cycle_day)
    }

    /// The cadence that is to hold from the next segment on, when it is another one.
    pub fn pending_cadence(&self) -> Option<Cadence> {
        let (count, day) = self.pending_interval_count.zip(self.pending_cycle_day)?;
        Some(cadence(self.pending_interval.as_deref()?, count, day))
    }

    /// What the columns of [`Labels`] hold now.
    pub fn labels(&self) -> Labels {
        Labels {
            plan_id: self.plan_id.clone(),
            product_name: self.product_name.clone(),
            billing_key_id: self.billing_key_id.0,
            metadata: self.metadata.0.clone(),
            retry_days: self.retries.retry_days.as_ref().map(|days| days.all().to_vec()),
        }
    }

    /// Calls it so.
    pub fn put(&mut self, labels: &Labels) {
        self.plan_id.clone_from(&labels.plan_id);
        self.product_name.clone_from(&labels.product_name);
        self.billing_key_id = BillingKeyId(labels.billing_key_id);
        self.metadata.0.clone_from(&labels.metadata);
        self.retries.retry_days = labels.retry_days.clone().and_then(RetryDays::new);
    }
}

/// The columns hold what their checks allow.
pub fn cadence(interval: &str, count: i16, day: i16) -> Cadence {
    Cadence {
        interval: text::parse(interval).unwrap_or(kiwoom_paid_time::Interval::Month),
        count: count.unsigned_abs().into(),
        anchor: day.unsigned_abs().into(),
    }
}
