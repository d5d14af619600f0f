//! The service time of the subscriptions as we hold it: segments, and what was charged for them.

use std::collections::HashMap;

use chrono::NaiveDate;
use serde::Deserialize;
use sqlx::types::Json;
use sqlx::{FromRow, PgPool};
use uuid::Uuid;

/// What a segment is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, sqlx::Type)]
#[serde(rename_all = "snake_case")]
#[sqlx(type_name = "text", rename_all = "snake_case")]
pub enum Kind {
    Paid,
    Free,
    Open,
    None,
}

/// Why it is that.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, sqlx::Type)]
#[serde(rename_all = "snake_case")]
#[sqlx(type_name = "text", rename_all = "snake_case")]
pub enum Reason {
    Whole,
    Stub,
    Changed,
    Trial,
    FreePhase,
    BeforeAnchor,
    Extension,
    NoConsent,
    Missed,
    Declined,
    Paused,
    Unpaid,
}

/// Where a charge stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, sqlx::Type)]
#[sqlx(type_name = "text", rename_all = "snake_case")]
pub enum ChargeState {
    UnderWay,
    Unknown,
    Retrying,
    Approved,
    Declined,
}

/// Days of service: the first one, and the day after the last one. Of those that were left at a
/// pause only the length counts.
#[derive(Clone, Debug, FromRow)]
pub struct Segment {
    pub starts_on: NaiveDate,
    pub ends_on: NaiveDate,
    pub kind: Kind,
    pub reason: Reason,
    pub charge_no: Option<i32>,
    pub amount: i64,
    pub tax_free_amount: i64,
    pub rate_amount: i64,
    pub rate_tax_free: i64,
    pub rate_twelfths: i64,
    pub of_days: i32,
}

impl Segment {
    /// Its length in days.
    pub fn days(&self) -> i64 {
        (self.ends_on - self.starts_on).num_days()
    }

    /// Whether money was asked for it.
    pub fn is_charged(&self) -> bool {
        matches!(self.kind, Kind::Paid | Kind::Open)
    }
}

/// What was asked for days of a subscription, in won.
#[derive(Clone, Debug, FromRow)]
pub struct Charge {
    pub number: i32,
    pub first_tried_on: NaiveDate,
    pub amount: i64,
    pub tax_free_amount: i64,
    pub credit: i64,
    pub credit_tax_free: i64,
    pub carried_in: i64,
    pub carried_in_tax_free: i64,
    pub carried_out: i64,
    pub carried_out_tax_free: i64,
    pub credited: i64,
    pub credited_tax_free: i64,
    pub state: ChargeState,
}

impl Charge {
    /// Price of its days when it was made.
    pub fn price(&self) -> i64 {
        self.amount + self.credit + self.carried_out - self.carried_in
    }

    /// What of that is free of tax.
    pub fn price_tax_free(&self) -> i64 {
        self.tax_free_amount + self.credit_tax_free + self.carried_out_tax_free
            - self.carried_in_tax_free
    }
}

/// All of one subscription.
#[derive(Clone, Debug, Default)]
pub struct PaidTime {
    /// In the order of their days.
    pub segments: Vec<Segment>,
    /// Left at a pause.
    pub kept: Vec<Segment>,
    /// In the order of their numbers.
    pub charges: Vec<Charge>,
}

impl PaidTime {
    /// Segments that charge `number` was asked for, used or left.
    pub fn of(&self, number: i32) -> impl Iterator<Item = &Segment> {
        let own = move |s: &&Segment| s.charge_no == Some(number) && s.kind != Kind::Free;
        self.segments.iter().chain(&self.kept).filter(own)
    }

    /// The charge with this number.
    pub fn charge(&self, number: i32) -> Option<&Charge> {
        self.charges.iter().find(|charge| charge.number == number)
    }
}

#[derive(FromRow)]
struct Of<T: for<'r> FromRow<'r, sqlx::postgres::PgRow>> {
    subscription_id: Uuid,
    #[sqlx(flatten)]
    row: T,
}

/// A segment as it is kept in `subscriptions.kept`.
#[derive(Deserialize)]
struct Kept {
    period: KeptPeriod,
    kind: Kind,
    reason: Reason,
    charge: Option<i32>,
    price: Won,
    rate: KeptRate,
    of_days: i32,
}

#[derive(Deserialize)]
struct KeptPeriod {
    start: NaiveDate,
    end: NaiveDate,
}

#[derive(Deserialize)]
struct KeptRate {
    price: Won,
    twelfths: i64,
}

#[derive(Deserialize)]
struct Won {
    won: i64,
    tax_free: i64,
}

impl From<Kept> for Segment {
    fn from(kept: Kept) -> Self {
        Self {
            starts_on: kept.period.start,
            ends_on: kept.period.end,
            kind: kept.kind,
            reason: kept.reason,
            charge_no: kept.charge,
            amount: kept.price.won,
            tax_free_amount: kept.price.tax_free,
            rate_amount: kept.rate.price.won,
            rate_tax_free: kept.rate.price.tax_free,
            rate_twelfths: kept.rate.twelfths,
            of_days: kept.of_days,
        }
    }
}

/// That of every subscription that has any.
pub async fn load(pool: &PgPool) -> sqlx::Result<HashMap<Uuid, PaidTime>> {
    let mut all: HashMap<Uuid, PaidTime> = HashMap::new();
    let segments: Vec<Of<Segment>> = sqlx::query_as(
        "select subscription_id, starts_on, ends_on, kind, reason, charge_no, amount,
            tax_free_amount, rate_amount, rate_tax_free, rate_twelfths, of_days
         from subscription_segments order by subscription_id, starts_on",
    )
    .fetch_all(pool)
    .await?;
    for Of { subscription_id, row } in segments {
        all.entry(subscription_id).or_default().segments.push(row);
    }
    let charges: Vec<Of<Charge>> = sqlx::query_as(
        "select subscription_id, number, first_tried_on, amount, tax_free_amount, credit,
            credit_tax_free, carried_in, carried_in_tax_free, carried_out, carried_out_tax_free,
            credited, credited_tax_free, state
         from subscription_charges order by subscription_id, number",
    )
    .fetch_all(pool)
    .await?;
    for Of { subscription_id, row } in charges {
        all.entry(subscription_id).or_default().charges.push(row);
    }
    let kept: Vec<(Uuid, Json<Vec<Kept>>)> =
        sqlx::query_as("select id, kept from subscriptions where kept <> '[]'")
            .fetch_all(pool)
            .await?;
    for (id, Json(kept)) in kept {
        all.entry(id).or_default().kept = kept.into_iter().map(Segment::from).collect();
    }
    Ok(all)
}
