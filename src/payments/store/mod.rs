//! SQL of payments and refunds.

mod calls;
pub mod claims;
pub(crate) mod columns;
pub(crate) mod intents;
mod lists;
pub mod many;
pub mod merchant_settings;
pub mod paid_time;
pub mod recorded;
mod refunds;
pub mod terms;

use chrono::{DateTime, NaiveDate, SubsecRound, Utc};
use kiwoom_paid_time::Period;
use serde::{Deserialize, Serialize};
use sqlx::PgExecutor;
use sqlx::postgres::PgConnection;

pub use calls::{
    UnknownOutcomes, call_ended, call_secs, last_known, may_be_sent_yet, orphan_refunds, orphans,
    unknown_outcomes,
};
pub use lists::{Filter, Source, list, list_refunds, payments_of_customer, refunds_of_customer};
pub use refunds::{Refund, RefundState, find_refund, refunded_tax_free};

use crate::kiwoom::text::is_order_no;
use crate::payments::store::columns::{payment_and_credit_columns, payment_columns};
use crate::payments::unexpected::Reason;
use crate::rules::ids::{BillingKeyId, PaymentId, SubscriptionId};
use crate::rules::money::Won;
use crate::rules::payment_state::State;
use crate::rules::tax_free::Left;

/// What a payment is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Serialize, sqlx::Type)]
#[serde(rename_all = "snake_case")]
#[sqlx(type_name = "text", rename_all = "snake_case")]
pub enum Kind {
    /// A single charge of a registered card.
    OneOff,
    /// A period of a subscription.
    Subscription,
    /// An order paid in the hosted window.
    Checkout,
    /// Money that KiwoomPay says was taken though nobody asked for it so (`unexpected.rs`).
    Unexpected,
}

/// Who started it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Serialize, sqlx::Type)]
#[serde(rename_all = "snake_case")]
#[sqlx(type_name = "text", rename_all = "snake_case")]
pub enum InitiatedBy {
    /// The schedule.
    Scheduler,
    /// The merchant's backend.
    Merchant,
    /// The buyer, in the hosted window.
    Buyer,
}

/// A moment as PostgreSQL keeps it: in microseconds.
pub fn kept(moment: DateTime<Utc>) -> DateTime<Utc> {
    moment.trunc_subsecs(6)
}

/// A row of `payments`.
#[derive(Clone, Debug, Deserialize, Serialize, sqlx::FromRow)]
#[expect(missing_docs, reason = "the columns are described in the migration")]
pub struct Payment {
    pub id: PaymentId,
    pub order_no: String,
    pub kind: Kind,
    pub state: State,
    pub amount: Won,
    pub tax_free_amount: i64,
    pub refunded_amount: i64,
    pub refunding_amount: i64,
    pub product_name: String,
    pub customer_id: Option<String>,
    pub billing_key_id: Option<BillingKeyId>,
    pub subscription_id: Option<SubscriptionId>,
    #[serde(default)]
    pub charge_no: Option<i32>,
    pub period_start: Option<NaiveDate>,
    pub period_end: Option<NaiveDate>,
    pub initiated_by: InitiatedBy,
    pub method: Option<String>,
    pub transaction_id: Option<String>,
    pub auth_number: Option<String>,
    pub failure_code: Option<String>,
    pub failure_message: Option<String>,
    #[serde(default)]
    pub merchant_setting: Option<String>,
    pub created_at: DateTime<Utc>,
    pub approved_at: Option<DateTime<Utc>>,
    pub settled_at: Option<DateTime<Utc>>,
    pub late: bool,
    #[sqlx(default)]
    pub order_id: Option<PaymentId>,
    #[sqlx(default)]
    pub unexpected: Option<Reason>,
    #[serde(default)]
    #[sqlx(default)]
    pub cpid: Option<String>,
    #[serde(default)]
    #[sqlx(default)]
    pub earlier_cpids: Option<Vec<String>>,
    /// Its call has ended, and its outcome is not recorded.
    #[serde(default)]
    #[sqlx(default)]
    pub overdue: bool,
    /// Given to the credit balance for its days that were not used, in won: of payments that were read
    /// by [`find`], [`lock`] or [`list`].
    #[serde(default)]
    #[sqlx(default)]
    pub credited: i64,
    /// What of that is tax-free.
    #[serde(default)]
    #[sqlx(default)]
    pub credited_tax_free: i64,
}

impl Payment {
    /// A charge of a registered card as its intent writes it, of which nothing is known yet.
    pub fn intended(
        id: PaymentId,
        order_no: String,
        amount: Won,
        created_at: DateTime<Utc>,
        initiated_by: InitiatedBy,
    ) -> Self {
        Self {
            id,
            order_no,
            kind: Kind::OneOff,
            state: State::Sending,
            amount,
            tax_free_amount: 0,
            refunded_amount: 0,
            refunding_amount: 0,
            product_name: String::new(),
            customer_id: None,
            billing_key_id: None,
            subscription_id: None,
            charge_no: None,
            period_start: None,
            period_end: None,
            initiated_by,
            method: Some("CARD".to_owned()),
            transaction_id: None,
            auth_number: None,
            failure_code: None,
            failure_message: None,
            merchant_setting: None,
            created_at,
            approved_at: None,
            settled_at: None,
            late: false,
            order_id: None,
            unexpected: None,
            cpid: None,
            earlier_cpids: None,
            overdue: false,
            credited: 0,
            credited_tax_free: 0,
        }
    }

    /// What KiwoomPay can still give back, in won.
    pub fn left(&self) -> i64 {
        if self.state != State::Approved {
            return 0;
        }
        self.amount.get() - self.refunded_amount - self.refunding_amount
    }

    /// What can still be refunded by a call, in won: what was credited pays for other days.
    pub fn refundable(&self) -> i64 {
        (self.left() - self.credited).max(0)
    }

    /// Whether it was taken under `cpid`, or may be: in the window that is open, or in an earlier one.
    /// A row from before CPIDs were kept takes any.
    pub fn is_under(&self, cpid: &str) -> bool {
        let earlier = self.earlier_cpids.iter().flatten().filter(|_| self.state != State::Approved);
        self.cpid.is_none() || self.cpid.iter().chain(earlier).any(|own| own == cpid)
    }

    /// The order number that KiwoomPay knows it by: several payments can have the same when some are
    /// unexpected.
    pub fn told_order_no(&self) -> &str {
        self.order_no.split('#').next().unwrap_or_default()
    }

    /// [`Self::left`] with its tax-free part, of which `gone` won have gone back or are on their way back.
    pub fn left_parts(&self, gone: i64) -> Left {
        Left::new(self.left(), self.tax_free_amount - gone)
    }

    /// [`Self::refundable`] with its tax-free part, of which `gone` won have gone back or are on their
    /// way back.
    pub fn refundable_parts(&self, gone: i64) -> Left {
        Left::new(self.refundable(), self.tax_free_amount - gone - self.credited_tax_free)
    }

    /// Whether one part of it is taxed and the other is not.
    pub fn is_mixed(&self) -> bool {
        (1..self.amount.get()).contains(&self.tax_free_amount)
    }

    /// The period it pays for, when it is a subscription's.
    pub fn period(&self) -> Option<Period> {
        Some(Period { start: self.period_start?, end: self.period_end? })
    }
}

/// How a caller names a payment.
#[derive(Clone, Debug)]
pub enum PaymentRef {
    /// By our id.
    Id(PaymentId),
    /// By order number.
    OrderNo(String),
    /// By the gateway's transaction id.
    Transaction(String),
    /// By an order number that has the shape of our id, or by our id: an id is an id first.
    Either(PaymentId, String),
}

impl PaymentRef {
    /// An id or an order number.
    pub fn parse(text: &str) -> Self {
        let id = PaymentId::parse(text);
        match (id.0.is_nil(), is_order_no(text)) {
            (true, true) => Self::OrderNo(text.to_owned()),
            (false, true) => Self::Either(id, text.to_owned()),
            (_, false) => Self::Id(id),
        }
    }
}

/// The payment, whatever its kind.
pub async fn find(
    db: impl PgExecutor<'_>,
    reference: &PaymentRef,
) -> sqlx::Result<Option<Payment>> {
    let query = match reference {
        PaymentRef::Id(id) => sqlx::query_as(concat!(
            "select ",
            payment_and_credit_columns!(),
            " from payments where id = $1"
        ))
        .bind(*id),
        PaymentRef::OrderNo(text) => sqlx::query_as(concat!(
            "select ",
            payment_and_credit_columns!(),
            " from payments where order_no = $1"
        ))
        .bind(text),
        PaymentRef::Transaction(text) => sqlx::query_as(concat!(
            "select ",
            payment_and_credit_columns!(),
            " from payments where transaction_id = $1"
        ))
        .bind(text),
        PaymentRef::Either(id, text) => {
            let sql = concat!(
                "select ",
                payment_and_credit_columns!(),
                " from payments where id = $1 or order_no = $2
                order by id = $1 desc limit 1"
            );
            sqlx::query_as(sql).bind(*id).bind(text)
        }
    };
    query.fetch_optional(db).await
}

/// The payment, locked until the transaction ends.
pub async fn lock(db: &mut PgConnection, id: PaymentId) -> sqlx::Result<Option<Payment>> {
    let query = sqlx::query_as(concat!(
        "select ",
        payment_and_credit_columns!(),
        " from payments where id = $1 for update"
    ));
    query.bind(id).fetch_optional(db).await
}

/// The attempts of a charge, newest first.
pub async fn attempts_of_charge(
    db: &mut PgConnection,
    subscription: SubscriptionId,
    charge_no: i32,
) -> sqlx::Result<Vec<Payment>> {
    let query = sqlx::query_as(concat!(
        "select ",
        payment_columns!(),
        " from payments where subscription_id = $1 and charge_no = $2 order by id desc"
    ));
    query.bind(subscription).bind(charge_no).fetch_all(db).await
}

/// The payments of a subscription, oldest first.
pub async fn payments_of(
    db: &mut PgConnection,
    subscription: SubscriptionId,
) -> sqlx::Result<Vec<Payment>> {
    let query = sqlx::query_as(concat!(
        "select ",
        payment_columns!(),
        " from payments where subscription_id = $1 order by id"
    ));
    query.bind(subscription).fetch_all(db).await
}

/// The attempts made for periods that begin on this day, newest first.
pub async fn attempts(
    db: &mut PgConnection,
    subscription: SubscriptionId,
    period_start: NaiveDate,
) -> sqlx::Result<Vec<Payment>> {
    let query = sqlx::query_as(concat!(
        "select ",
        payment_columns!(),
        " from payments where subscription_id = $1 and period_start = $2 order by id desc"
    ));
    query.bind(subscription).bind(period_start).fetch_all(db).await
}

/// The attempts of a charge, and those made for periods that begin on this day, newest first.
pub async fn earlier_attempts(
    db: &mut PgConnection,
    subscription: SubscriptionId,
    charge_no: i32,
    period_start: NaiveDate,
) -> sqlx::Result<Vec<Payment>> {
    let query = sqlx::query_as(concat!(
        "select ",
        payment_columns!(),
        " from payments where subscription_id = $1 and (charge_no = $2 or period_start = $3)
         order by id desc"
    ));
    query.bind(subscription).bind(charge_no).bind(period_start).fetch_all(db).await
}

/// The state of a charge without a known outcome, `sending` or `unknown`, for the period that begins on
/// `from` or for a later one.
pub async fn open_charge(
    db: &mut PgConnection,
    subscription: SubscriptionId,
    from: NaiveDate,
) -> sqlx::Result<Option<State>> {
    let query = sqlx::query_scalar(
        "select state from payments where subscription_id = $1 and period_start >= $2
            and state in ('sending', 'unknown') order by id desc limit 1",
    );
    query.bind(subscription).bind(from).fetch_optional(db).await
}

/// The reason that the events of this transaction tell.
pub async fn say(db: &mut PgConnection, reason: &str) -> sqlx::Result<()> {
    let query = sqlx::query("select set_config('kiwoom.reason', $1, true)");
    query.bind(reason).execute(db).await.map(drop)
}
