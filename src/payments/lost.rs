//! A renewal that was charged and that the books have lost, as after a restore: only KiwoomPay knows
//! it. Its order number says which days of which subscription it paid from. It is recorded as paid when
//! the subscription would have charged exactly that, so that the schedule does not charge it again. Of a
//! price that waits the books may say something else by now than they did then: both are looked at.

use chrono::{DateTime, NaiveDate, Utc};
use kiwoom_paid_time::{Change, Charge, Consent, Period, Subscription};
use sqlx::postgres::PgConnection;

use crate::context::Context;
use crate::payments::settle::{self, SettleError};
use crate::payments::store::paid_time::{self, Loaded};
use crate::payments::store::{InitiatedBy, Kind, Payment, attempts, attempts_of_charge, intents};
use crate::rules::ids::PaymentId;
use crate::rules::moments;
use crate::rules::money::Won;
use crate::rules::payment_state::{Outcome, obstacle};
use crate::rules::renewal_no::RenewalNo;
use crate::rules::schedule::Rules;
use crate::rules::subscription_state::Status;
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

/// Why it is not proven that it paid its days.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unproven {
    /// There is no such subscription, or it is over.
    NoSubscription,
    /// The subscription would not have charged this amount.
    OtherAmount,
    /// Another attempt has paid the days, or its outcome is not known.
    PeriodTaken,
    /// Not days that are to be charged.
    OtherPeriod,
}

/// The intent of a charge that is proven to be a subscription's, as it would have been written.
pub struct Proven {
    subscription: Loaded,
    payment: Payment,
}

/// The intent of the charge, when it is proven. Locks the subscription until `db`'s transaction ends.
pub async fn prove(
    db: &mut PgConnection,
    listed: Listed<'_>,
    rules: &Rules,
) -> sqlx::Result<Result<Proven, Unproven>> {
    let RenewalNo { subscription: id, period_start, attempt } = listed.number;
    let Some(mut s) = paid_time::lock(db, id, rules).await? else {
        return Ok(Err(Unproven::NoSubscription));
    };
    if matches!(s.row.status, Status::Canceled | Status::Incomplete) {
        return Ok(Err(Unproven::NoSubscription));
    }
    let earlier = attempts(db, id, period_start).await?;
    if earlier.iter().any(|earlier| obstacle(earlier.state).is_some()) {
        return Ok(Err(Unproven::PeriodTaken));
    }
    // The numbers of attempts go up; what the books have of these days came before it.
    let number = |payment: &Payment| RenewalNo::parse(payment.told_order_no()).map(|no| no.attempt);
    let highest = earlier.iter().filter_map(number).max().unwrap_or(0);
    let day = kst(listed.approved_at).date_naive();
    if attempt <= highest {
        return Ok(Err(Unproven::OtherPeriod));
    }
    let begun = match begun(&s.paid, (period_start, day), listed.amount) {
        Ok(begun) => begun,
        Err(unproven) => return Ok(Err(unproven)),
    };
    let Begun { paid, charge, period, amount } = begun;
    s.paid = paid;
    s.row.retries.retry_at = None;
    let charge_no = i32::try_from(charge.id).unwrap_or(i32::MAX);
    let of_charge = attempts_of_charge(db, id, charge_no).await?;
    let mut payment = payment(listed, &s, (charge_no, period));
    (payment.amount, payment.tax_free_amount) = (amount, charge.amount.tax_free);
    // A retry is called what the first attempt was called.
    if let Some(first) = of_charge.last() {
        payment.product_name.clone_from(&first.product_name);
    }
    Ok(Ok(Proven { subscription: s, payment }))
}

/// A subscription that has begun a charge again.
struct Begun {
    paid: Subscription,
    charge: Charge,
    period: Period,
    amount: Won,
}

/// The charge of `won` for days from `first` on that was made on `day`.
fn begun(
    paid: &Subscription,
    (first, day): (NaiveDate, NaiveDate),
    won: i64,
) -> Result<Begun, Unproven> {
    let mut unproven = Unproven::OtherPeriod;
    for (mut paid, waits) in as_it_may_have_been(paid, day) {
        let Some((charge, period)) = moments::begin_from(&mut paid, first, day) else { continue };
        match Won::new(charge.amount.won).filter(|amount| amount.get() == won) {
            Some(amount) => {
                paid.pending = waits.or(paid.pending);
                return Ok(Begun { paid, charge, period, amount });
            }
            None => unproven = Unproven::OtherAmount,
        }
    }
    Err(unproven)
}

/// How the subscription may have stood on `day`, with what was asked for since: as the books have it;
/// with the consent to the next rise, which they may have lost; before what is pending was asked for.
fn as_it_may_have_been(
    paid: &Subscription,
    day: NaiveDate,
) -> impl Iterator<Item = (Subscription, Option<Change>)> {
    let consented = paid.rise().map(|(rise_on, rate)| {
        let consent = Some(Consent { given: day, rise_on, rate });
        (Subscription { consent, ..paid.clone() }, None)
    });
    let before = paid.pending.is_some().then(|| {
        let mut before = paid.clone();
        let waits = before.pending.take();
        (before, waits)
    });
    [(paid.clone(), None)].into_iter().chain(consented).chain(before)
}

fn payment(listed: Listed<'_>, s: &Loaded, (charge_no, period): (i32, Period)) -> Payment {
    let (id, order_no) = (PaymentId::new(), listed.number.to_string());
    let by = InitiatedBy::Scheduler;
    Payment {
        kind: Kind::Subscription,
        tax_free_amount: s.row.tax_free_amount,
        product_name: s.row.product_name.clone(),
        customer_id: Some(s.row.customer_id.clone()),
        billing_key_id: Some(s.row.billing_key_id),
        subscription_id: Some(listed.number.subscription),
        charge_no: Some(charge_no),
        period_start: Some(period.start),
        period_end: Some(period.end),
        cpid: Some(listed.cpid.to_owned()),
        ..Payment::intended(id, order_no, s.row.amount, listed.approved_at, by)
    }
}

/// Records a proven renewal as paid for its days. The intent is written again first: when the second
/// commit does not come, its outcome is unknown, and the same list settles that.
pub async fn record(
    ctx: &Context,
    listed: Listed<'_>,
    reason: &str,
) -> Result<Result<Payment, Unproven>, SettleError> {
    let mut tx = ctx.begin().await?;
    let Proven { mut subscription, payment } = match prove(&mut tx, listed, ctx.rules()).await? {
        Ok(proven) => proven,
        Err(unproven) => return Ok(Err(unproven)),
    };
    subscription.plan(ctx.rules());
    paid_time::save(&mut tx, &mut subscription, ctx.clock.now()).await?;
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
    let settled = Box::pin(settle::settle(ctx, payment.id, &outcome, Some(reason))).await?;
    Ok(settled.ok_or(Unproven::PeriodTaken))
}
