//! The columns of a row that follow from its paid time. Pure.

use chrono::{DateTime, NaiveDate, Utc};
use kiwoom_clock::kst;
use kiwoom_paid_time::{
    Charge, ChargeState, Counts, Kind, Money, Reason, Segment, Status as PaidStatus, Subscription,
};
use sqlx::types::Json;

use super::row::Row;
use super::text;
use super::told::Told;
use crate::rules::money::Won;
use crate::rules::subscription_state::Status;

/// The first attempt of a charge that is under way: until it has ended nothing of it shows.
pub(super) fn first_attempt(paid: &Subscription) -> Option<&Charge> {
    paid.charges.iter().find(|c| c.state == ChargeState::UnderWay && !c.is_retry)
}

/// The model's status of a row: what is owed still shows while a first attempt is under way, though
/// service goes on with it.
pub(super) fn paid_status(row: Status, paid: &Subscription) -> PaidStatus {
    match row {
        Status::PastDue | Status::Unpaid if first_attempt(paid).is_some() => PaidStatus::Active,
        Status::Incomplete | Status::Active => PaidStatus::Active,
        Status::PastDue => PaidStatus::PastDue,
        Status::Unpaid => PaidStatus::Unpaid,
        Status::Paused => PaidStatus::Paused,
        Status::Canceled => PaidStatus::Canceled,
    }
}

/// Writes into `row` what `paid` says at `now`.
pub(super) fn derive(row: &mut Row, paid: &Subscription, now: DateTime<Utc>) {
    let today = kst(now).date_naive();
    let under_way = first_attempt(paid);
    row.status = match (row.status, paid.status) {
        (Status::Incomplete, _) => Status::Incomplete,
        (owing @ (Status::PastDue | Status::Unpaid), PaidStatus::Active) if under_way.is_some() => {
            owing
        }
        (_, status) => Status::from(status),
    };
    if paid.status == PaidStatus::Canceled {
        row.canceled_at = row.canceled_at.or(Some(now));
        row.retries.clear();
        row.next_attempt_at = None;
    }
    row.canceled_on = paid.canceled_on;
    row.cancel_at_period_end = paid.cancel_at_period_end;
    row.pause_at_period_end = paid.pause_at_period_end;
    row.resume_on = paid.resume_on;
    row.credit = paid.credit.won;
    row.carried = paid.carried.won;
    row.consent_id = row.consent_id.filter(|_| paid.consent.is_some());
    row.legacy_pause &= paid.status == PaidStatus::Paused;
    terms(row, paid);
    let counted = under_way.is_some_and(|c| c.counts != Counts::Never);
    let cycles = paid.cycles() - usize::from(counted);
    row.cycles_left = paid.total_cycles.map(|total| small(total.saturating_sub(cycles)));
    let planned = paid.next_charge(today);
    let rise = paid.rise().filter(|_| paid.status != PaidStatus::Canceled);
    if under_way.is_none() {
        dates(row, paid, today, rise.map(|(day, _)| day));
        row.told = Told::of(paid).something().map(Json);
    }
    row.next_charge_date = planned.as_ref().map(|next| next.on);
    row.next_charge_start = planned.as_ref().map(|next| next.period.start);
    row.next_charge_end = planned.as_ref().map(|next| next.period.end);
    row.next_charge_amount = planned.as_ref().map(|next| next.amount.won);
    row.next_charge_reason = planned.as_ref().map(|next| text::of(next.reason));
    row.rise_on = rise.map(|(day, _)| day);
    row.rise_amount = rise.map(|(_, rate)| rate.price.won);
    row.consent_from = rise.and(paid.consent_from());
}

fn terms(row: &mut Row, paid: &Subscription) {
    let cadence = paid.terms.cadence;
    row.billing_interval = text::of(cadence.interval);
    row.interval_count = small(cadence.count);
    row.cycle_day = small(cadence.anchor);
    let price = present_price(paid);
    row.amount = Won::new(price.won).unwrap_or(row.amount);
    row.tax_free_amount = price.tax_free;
    let pending = paid.pending.unwrap_or_default();
    row.pending_amount = pending.price.and_then(|price| Won::new(price.won));
    row.pending_tax_free_amount = pending.price.map(|price| price.tax_free);
    row.pending_interval = pending.cadence.map(|cadence| text::of(cadence.interval));
    row.pending_interval_count = pending.cadence.map(|cadence| small(cadence.count));
    row.pending_cycle_day = pending.cadence.map(|cadence| small(cadence.anchor));
}

/// The price of the phase that was reached; of a free one, the price after it.
fn present_price(paid: &Subscription) -> Money {
    let reached = paid.segments.iter().chain(&paid.kept).filter(|s| s.is_covered());
    let reached = reached.map(|s| s.phase).max().unwrap_or(0);
    let phases = &paid.terms.phases;
    let from = reached.min(phases.len().saturating_sub(1));
    let charged = phases[from..].iter().find(|phase| phase.price.won > 0);
    charged.or(phases.last()).map_or(Money::ZERO, |phase| phase.price)
}

fn dates(row: &mut Row, paid: &Subscription, today: NaiveDate, rise_on: Option<NaiveDate>) {
    row.paid_through = paid.paid_through();
    let begun = || paid.segments.iter().rev().filter(|s| s.period.start <= today);
    if let Some(covered) = begun().find(|s| s.is_covered()) {
        row.period_start = covered.period.start;
    }
    // Paused on its first day it has no segment: what was left is kept.
    row.next_billing_date = paid.covered_to().max(row.period_start);
    let present = begun().next();
    row.period_kind = present.map(|s| text::of(s.kind));
    row.period_reason = present.map(|s| text::of(s.reason));
    row.trial_end = trial_end(paid, rise_on);
}

/// When the free time at the beginning ends: with the first price, or where it ends already.
fn trial_end(paid: &Subscription, rise_on: Option<NaiveDate>) -> Option<NaiveDate> {
    let free = |s: &&Segment| s.kind == Kind::Free;
    let promised =
        |s: &Segment| matches!(s.reason, Reason::Trial | Reason::FreePhase | Reason::NoConsent);
    let first: Vec<_> = paid.segments.iter().take_while(free).collect();
    let last = first.last().filter(|_| first.iter().any(|s| promised(s)))?;
    let still = first.len() == paid.segments.len();
    Some(rise_on.filter(|_| still).unwrap_or(last.period.end))
}

/// Numbers of units, days and cycles are small.
fn small(number: impl TryInto<i16>) -> i16 {
    number.try_into().unwrap_or(i16::MAX)
}
