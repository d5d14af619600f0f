//! A renewal that was charged and that the books have lost, as after a restore: only KiwoomPay knows
//! it. Its order number says which period of which subscription it paid. It is recorded as paid when
//! the subscription would have charged exactly that, so that the schedule does not charge it again.

use chrono::{DateTime, Utc};
use sqlx::postgres::PgConnection;

use crate::context::Context;
use crate::payments::settle::{self, SettleError};
use crate::payments::store::{InitiatedBy, Kind, Payment, attempts, intents, subscription_state};
use crate::rules::ids::{BillingKeyId, PaymentId};
use crate::rules::money::Won;
use crate::rules::payment_state::{Outcome, State, obstacle};
use crate::rules::renewal_no::RenewalNo;
use crate::rules::schedule::Period;
use crate::rules::subscription_state::{Status, SubscriptionState};
use kiwoom_clock::kst;

/// A charge as KiwoomPay lists it.
#[derive(Clone, Copy, Debug)]
pub struct Listed<'a> {
    /// Its order number.
    pub number: RenewalNo,
    /// DAOUTRX.
    pub transaction_id: &'a str,
    /// CPID that it was charged under.
    pub cpid: &'a str,
    /// Won.
    pub amount: i64,
    /// When.
    pub approved_at: DateTime<Utc>,
}

/// Why it is not proven that it paid its period.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unproven {
    /// There is no such subscription, or it is over.
    NoSubscription,
    /// The subscription charges another amount, or a price rise is pending.
    OtherAmount,
    /// Another attempt has paid the period, or its outcome is not known.
    PeriodTaken,
    /// Not a period that is to be charged.
    OtherPeriod,
}

/// What a subscription charges.
#[derive(sqlx::FromRow)]
struct Terms {
    customer_id: String,
    billing_key_id: BillingKeyId,
    amount: Won,
    tax_free_amount: i64,
    product_name: String,
    is_rising: bool,
}

/// The payment that the charge was, when that is proven. Locks the subscription until `db`'s
/// transaction ends.
pub async fn prove(
    db: &mut PgConnection,
    listed: Listed<'_>,
) -> sqlx::Result<Result<Payment, Unproven>> {
    let RenewalNo { subscription: id, period_start, attempt } = listed.number;
    let Some(state) = subscription_state::lock(db, id).await? else {
        return Ok(Err(Unproven::NoSubscription));
    };
    if matches!(state.status, Status::Canceled | Status::Incomplete) {
        return Ok(Err(Unproven::NoSubscription));
    }
    let earlier = attempts(db, id, period_start).await?;
    if earlier.iter().any(|earlier| obstacle(earlier.state).is_some()) {
        return Ok(Err(Unproven::PeriodTaken));
    }
    // The numbers of attempts go up; what the books have of the period came before it.
    let Some(period) = period(&state, listed, earlier.len()).filter(|_| attempt > earlier.len())
    else {
        return Ok(Err(Unproven::OtherPeriod));
    };
    let query = sqlx::query_as(
        "select customer_id, billing_key_id, amount, tax_free_amount, product_name,
            pending_amount is not null as is_rising
         from subscriptions where id = $1",
    );
    let mut terms: Terms = query.bind(id).fetch_one(db).await?;
    // A retry asks for what the first attempt asked for.
    if let Some(first) = earlier.last() {
        terms.amount = first.amount;
        terms.tax_free_amount = first.tax_free_amount;
        terms.product_name.clone_from(&first.product_name);
        terms.is_rising = false;
    }
    if terms.is_rising || terms.amount.get() != listed.amount {
        return Ok(Err(Unproven::OtherAmount));
    }
    Ok(Ok(payment(listed, period, terms)))
}

/// The period that begins on the day of the order number: the one that is owed, or one that comes
/// next and had begun when it was charged.
fn period(state: &SubscriptionState, listed: Listed<'_>, earlier: usize) -> Option<Period> {
    let start = listed.number.period_start;
    if start > kst(listed.approved_at).date_naive() {
        return None;
    }
    if start == state.period_start && earlier > 0 && start < state.next_billing_date {
        return Some(state.period());
    }
    let mut next = state.cadence.period_from(state.next_billing_date);
    while next.start < start {
        next = state.cadence.period_from(next.end);
    }
    (next.start == start).then_some(next)
}

fn payment(listed: Listed<'_>, period: Period, terms: Terms) -> Payment {
    Payment {
        id: PaymentId::new(),
        order_no: listed.number.to_string(),
        kind: Kind::Subscription,
        state: State::Sending,
        amount: terms.amount,
        tax_free_amount: terms.tax_free_amount,
        refunded_amount: 0,
        refunding_amount: 0,
        product_name: terms.product_name,
        customer_id: Some(terms.customer_id),
        billing_key_id: Some(terms.billing_key_id),
        subscription_id: Some(listed.number.subscription),
        period_start: Some(period.start),
        period_end: Some(period.end),
        initiated_by: InitiatedBy::Scheduler,
        method: Some("CARD".to_owned()),
        transaction_id: None,
        auth_number: None,
        failure_code: None,
        failure_message: None,
        merchant_setting: None,
        created_at: listed.approved_at,
        approved_at: None,
        settled_at: None,
        late: false,
        order_id: None,
        unexpected: None,
        cpid: Some(listed.cpid.to_owned()),
        earlier_cpids: None,
        overdue: false,
    }
}

/// Records a proven renewal as paid for its period. The intent is written again first: when the second
/// commit does not come, its outcome is unknown, and the same list settles that.
pub async fn record(
    ctx: &Context,
    listed: Listed<'_>,
    reason: &str,
) -> Result<Result<Payment, Unproven>, SettleError> {
    let mut tx = ctx.begin().await?;
    let payment = match prove(&mut tx, listed).await? {
        Ok(payment) => payment,
        Err(unproven) => return Ok(Err(unproven)),
    };
    if !intents::write_again(&mut tx, &payment, ctx.instance.number()).await? {
        return Ok(Err(Unproven::PeriodTaken));
    }
    tx.commit().await?;
    let outcome = Outcome::Approved {
        transaction_id: listed.transaction_id.to_owned(),
        auth_number: None,
        approved_at: listed.approved_at,
        method: None,
        cpid: Some(listed.cpid.to_owned()),
    };
    tracing::warn!(order_no = payment.order_no, "a renewal that the books had lost is recorded");
    let settled = settle::settle(ctx, payment.id, &outcome, Some(reason)).await?;
    Ok(settled.ok_or(Unproven::PeriodTaken))
}
