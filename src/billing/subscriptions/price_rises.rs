//! Price rises: a higher amount, and the first charge after a trial, wait for their day.
//!
//! Source: 전자상거래 등에서의 소비자보호에 관한 법률 제13조 제6항, in force since 2025-02-14: the
//! customer's consent within the 30 days before a recurring charge rises, or what was free is charged
//! for. Without such a consent `PRICE_RISE_FALLBACK` says what becomes of the rise.

use chrono::{DateTime, NaiveDate, Utc};
use sqlx::postgres::PgConnection;
use uuid::Uuid;

use crate::billing::store::Subscription;
use crate::config::PriceRiseFallback;
use crate::context::Context;
use crate::http::fields::TaxFree;
use crate::rules::money::Won;
use crate::rules::text::Text;
use kiwoom_clock::kst;

/// 전자상거래법 제13조 제6항: days before the rise.
const CONSENT_DAYS: i64 = 30;
const NOT_TO_RISE: &str = "가격 인상 미동의";
const NOT_TO_PAY: &str = "유료 전환 미동의";

/// Whether a consent given then holds for a rise on the day `start`: within the 30 days before it,
/// counted in days of Korea (전자상거래법 제13조 제6항).
pub fn is_in_time(consented_at: DateTime<Utc>, start: NaiveDate) -> bool {
    let days = start.signed_duration_since(kst(consented_at).date_naive()).num_days();
    (0..=CONSENT_DAYS).contains(&days)
}

/// A rise that waits for its day and for a consent.
pub struct Rise {
    /// Tells it from the rises before it: a consent is to one of them.
    pub id: Uuid,
    /// What is charged now in won: nothing during a trial.
    pub old_amount: i64,
    /// What is to be charged from the day on.
    pub new_amount: Won,
}

/// The rise that is to come: to the pending amount, or from nothing at the end of a trial.
pub fn awaited(s: &Subscription) -> Option<Rise> {
    if s.state.trial_end().is_some() {
        return Some(Rise { id: s.id.0, old_amount: 0, new_amount: s.amount });
    }
    let (new_amount, id) = s.pending_amount.zip(s.pending_rise)?;
    Some(Rise { id, old_amount: s.amount.get(), new_amount })
}

/// What becomes of the first charge of a new period.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OnTheDay {
    /// It asks for this amount.
    Charge(Won),
    /// It is not made: the trial goes on for another interval.
    StayFree,
    /// It is not made: the subscription ends.
    End,
}

/// What becomes of the period that begins on `start`, by what has been consented to by now.
pub async fn on_the_day(
    ctx: &Context,
    db: &mut PgConnection,
    s: &Subscription,
    start: NaiveDate,
) -> sqlx::Result<OnTheDay> {
    let Some(rise) = awaited(s) else {
        return Ok(OnTheDay::Charge(s.amount));
    };
    let query = sqlx::query_scalar(
        "select consented_at from price_consents
         where subscription_id = $1 and rise = $2 and new_amount >= $3",
    );
    let query = query.bind(s.id).bind(rise.id).bind(rise.new_amount);
    let consents: Vec<DateTime<Utc>> = query.fetch_all(db).await?;
    Ok(match ctx.config.schedule.price_rise_fallback {
        _ if consents.into_iter().any(|at| is_in_time(at, start)) => {
            OnTheDay::Charge(rise.new_amount)
        }
        PriceRiseFallback::KeepPrice if rise.old_amount == 0 => OnTheDay::StayFree,
        PriceRiseFallback::KeepPrice => OnTheDay::Charge(s.amount),
        PriceRiseFallback::End => OnTheDay::End,
    })
}

/// Brings a rise to its end on the day: applied, dropped, put off with the end of a trial, or
/// the subscription canceled with it. The caller stores the row, which it has locked.
pub async fn settle_rise(
    ctx: &Context,
    db: &mut PgConnection,
    s: &mut Subscription,
    start: NaiveDate,
) -> sqlx::Result<OnTheDay> {
    let outcome = on_the_day(ctx, db, s, start).await?;
    match outcome {
        OnTheDay::Charge(amount) if s.pending_amount == Some(amount) => {
            s.amount = amount;
            s.tax_free_amount = s.pending_tax_free_amount.unwrap_or(s.tax_free_amount);
        }
        OnTheDay::Charge(_) => {}
        OnTheDay::StayFree => {
            s.state.stay_free(start, ctx.rules());
            tracing::info!(id = %s.id, "stays free: no consent to its first charge");
        }
        OnTheDay::End => {
            let free = s.state.trial_end().is_some();
            s.cancel(ctx.clock.now());
            s.cancel_reason = Some(if free { NOT_TO_PAY } else { NOT_TO_RISE }.to_owned());
            tracing::info!(id = %s.id, "ended: no consent to its price rise");
        }
    }
    drop_rise(s);
    Ok(outcome)
}

/// A lower or equal amount holds at once and drops a pending rise; a higher one waits for its day.
/// During a trial any amount holds at once: what waits for its day is the first charge. The tax-free
/// part goes with the amount that will hold.
pub fn reprice(
    s: &mut Subscription,
    amount: Option<Won>,
    tax_free: Option<i64>,
) -> Result<(), Text> {
    let present = (s.amount, s.tax_free_amount);
    let pending = s.pending_amount.zip(s.pending_tax_free_amount);
    let is_free = s.state.trial_end().is_some();
    let rises = !is_free && amount.map_or(pending.is_some(), |amount| amount > s.amount);
    let (old, old_part) = pending.filter(|_| rises).unwrap_or(present);
    let new = amount.unwrap_or(old);
    // What is wholly tax-free stays so.
    let kept = if old_part == old.get() { new.get() } else { old_part };
    let part = tax_free.unwrap_or(kept);
    if part > new.get() {
        return Err(TaxFree::above_amount());
    }
    if !rises {
        (s.amount, s.tax_free_amount) = (new, part);
        drop_rise(s);
        return Ok(());
    }
    if s.pending_amount != Some(new) {
        s.pending_rise = Some(Uuid::now_v7());
    }
    s.pending_amount = Some(new);
    s.pending_tax_free_amount = Some(part);
    // Changed by itself it also holds for the present amount, where it fits.
    if amount.is_none() && tax_free.is_some() && part <= s.amount.get() {
        s.tax_free_amount = part;
    }
    Ok(())
}

fn drop_rise(s: &mut Subscription) {
    s.pending_amount = None;
    s.pending_tax_free_amount = None;
    s.pending_rise = None;
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_consent_holds_from_thirty_days_before_the_day_to_the_day_itself_in_korea() {
        let cases = [
            ("2026-12-16T23:59:59+09:00", false),
            ("2026-12-17T00:00:00+09:00", true),
            ("2026-12-16T15:00:00Z", true),
            ("2027-01-16T09:59:59+09:00", true),
            ("2027-01-17T00:00:00+09:00", false),
        ];
        for (at, holds) in cases {
            let start = "2027-01-16".parse().unwrap();
            let at = DateTime::parse_from_rfc3339(at).unwrap().to_utc();
            assert_eq!(is_in_time(at, start), holds, "{at}");
        }
    }
}
