//! What a change makes of a subscription.

use chrono::NaiveDate;
use kiwoom_paid_time::{Cadence, Change, Money, Refused, When};
use sqlx::types::Json;

use crate::api::errors::takes;
use crate::billing::subscriptions::consents;
use crate::billing::subscriptions::refusals::{consent_needed, refusal};
use crate::billing::subscriptions::subscribe::{set_end, too_small};
use crate::billing::subscriptions::update::request::{FromWhen, UpdateRequest};
use crate::http::error::ApiError;
use crate::http::fields::TaxFree;
use crate::payments::store::paid_time::{Labels, Loaded};
use crate::rules::contract::Contract;
use crate::rules::metadata::Metadata;
use crate::rules::money::Won;
use crate::rules::text::Text;

/// A change that was made to the model, and is not stored.
#[derive(Clone, Copy, Debug)]
pub struct Changed {
    /// What was asked for.
    pub change: Change,
    /// From when on.
    pub when: When,
    /// The charge that has to be made with it.
    pub charge: Option<u32>,
    /// A rise at once: to this price.
    pub rise: Option<(Money, Cadence)>,
}

/// Why there is none.
pub enum NoChange {
    /// The model refuses it.
    Refused(Refused),
    /// Something else.
    Error(ApiError),
}

impl From<Refused> for NoChange {
    fn from(refused: Refused) -> Self {
        Self::Refused(refused)
    }
}

impl From<ApiError> for NoChange {
    fn from(error: ApiError) -> Self {
        Self::Error(error)
    }
}

/// Makes the change to `s`, but for the record of the consent. Its new card is the caller's to look up.
pub fn change(
    s: &mut Loaded,
    request: &UpdateRequest,
    contract: &Contract,
    today: NaiveDate,
) -> Result<Changed, NoChange> {
    if request.changes_paid_time() {
        s.drop_old_meaning();
    }
    labels(s, request)?;
    if let Some(proration) = &request.proration {
        s.paid.proration = proration.0;
    }
    let wanted =
        Change { price: price(s, request, contract)?, cadence: cadence(s, request, today)? };
    let changed = match request.when {
        _ if wanted == Change::default() => {
            Changed { change: wanted, when: When::NextPeriod, charge: None, rise: None }
        }
        FromWhen::NextPeriod => {
            s.paid.change(wanted, When::NextPeriod, today)?;
            Changed { change: wanted, when: When::NextPeriod, charge: None, rise: None }
        }
        FromWhen::Now => change_now(s, wanted, request.consent.is_some(), today)?,
    };
    end(s, request, today)?;
    Ok(changed)
}

/// Changes at once. A rise needs its consent, and nothing else may have one.
fn change_now(
    s: &mut Loaded,
    change: Change,
    consented: bool,
    today: NaiveDate,
) -> Result<Changed, NoChange> {
    let before = s.paid.clone();
    let without = s.paid.change(change, When::Now { consented: false }, today);
    let rises = without == Err(Refused::ConsentNeeded);
    let terms = before.terms.with(Some(change));
    if rises && !consented {
        let old = before.on(today).map_or(before.terms.rate(0), |segment| segment.rate);
        return Err(consent_needed(old, terms.rate(0)).into());
    }
    if !rises && consented && without.is_ok() {
        return Err(consents::not_awaited().into());
    }
    s.paid = before;
    let when = When::Now { consented };
    let to_be_made = s.paid.change(change, when, today)?;
    let rise = rises.then_some((terms.rate(0).price, terms.cadence));
    Ok(Changed { change, when, charge: to_be_made, rise })
}

/// The price that is asked for. What is wholly tax-free stays so.
fn price(
    s: &Loaded,
    request: &UpdateRequest,
    contract: &Contract,
) -> Result<Option<Money>, ApiError> {
    if request.amount.is_none() && request.tax_free_amount.is_none() {
        return Ok(None);
    }
    let present = s.paid.terms.phases.last().map_or(Money::ZERO, |last| last.price);
    let pending = s.paid.pending.and_then(|pending| pending.price);
    let rises = |amount: Won| amount.get() > present.won;
    let waits = request.when == FromWhen::NextPeriod;
    // A lower price is shown at once, though it holds from the next period on.
    let shown = pending.filter(|p| waits && p.won <= present.won).unwrap_or(present);
    let later = waits && request.amount.is_none_or(rises);
    let old = pending.filter(|_| later).unwrap_or(shown);
    let won = request.amount.map_or(old.won, Won::get);
    if won < s.paid.minimum {
        return Err(too_small("amount", s.paid.minimum));
    }
    let kept = if old.tax_free == old.won { won } else { old.tax_free };
    let tax_free = request.tax_free_amount.as_ref().map_or(kept, |part| part.0);
    if tax_free > won {
        return Err(ApiError::invalid_field("taxFreeAmount", TaxFree::above_amount()));
    }
    if let Some(amount) = Won::new(won) {
        takes(contract, amount, tax_free)?;
    }
    Ok(Some(Money { won, tax_free }))
}

fn cadence(
    s: &Loaded,
    request: &UpdateRequest,
    today: NaiveDate,
) -> Result<Option<Cadence>, ApiError> {
    let schedule = request.schedule();
    if !schedule.is_given() {
        return Ok(None);
    }
    let present = s.paid.terms.cadence;
    match request.when {
        FromWhen::Now => schedule.from_today(present, today),
        FromWhen::NextPeriod => {
            let pending = s.paid.pending.and_then(|pending| pending.cadence);
            schedule.of(pending.unwrap_or(present))
        }
    }
    .map(Some)
}

/// What it is called. While a change at once is unknown the labels before it are called so as well: what
/// was asked for since stays when that is declined.
fn labels(s: &mut Loaded, request: &UpdateRequest) -> Result<(), ApiError> {
    let mut now = s.row.labels();
    relabel(&mut now, request).map_err(|reason| ApiError::invalid_field("metadata", reason))?;
    if let Some(Json(before)) = &mut s.row.undo_labels
        && relabel(before, request).is_err()
    {
        // Too much with what there was before.
        before.metadata.clone_from(&now.metadata);
    }
    s.row.put(&now);
    Ok(())
}

/// An error when the metadata becomes too much; all else is changed all the same.
fn relabel(labels: &mut Labels, request: &UpdateRequest) -> Result<(), Text> {
    if let Some(plan) = &request.plan_id {
        labels.plan_id.clone_from(&plan.0);
    }
    if let Some(name) = &request.product_name {
        name.as_str().clone_into(&mut labels.product_name);
    }
    if let Some(key) = request.billing_key {
        labels.billing_key_id = key.0;
    }
    if let Some(days) = &request.retry_days {
        labels.retry_days = days.as_ref().map(|days| days.all().to_vec());
    }
    if let Some(changes) = &request.metadata {
        labels.metadata = match changes {
            Some(changes) => labels.metadata.clone().merged(changes.clone())?,
            None => Metadata::default(),
        };
    }
    Ok(())
}

/// Where it ends.
fn end(s: &mut Loaded, request: &UpdateRequest, today: NaiveDate) -> Result<(), ApiError> {
    match request.end_date {
        Some(Some(day)) => {
            set_end(&mut s.paid, day, today)?;
            s.paid.total_cycles = None;
        }
        Some(None) => s.paid.set_end_date(None).map_err(refusal)?,
        None => {}
    }
    match &request.total_cycles {
        Some(Some(more)) => {
            s.paid.total_cycles = Some(s.paid.cycles() + usize::from(more.0.unsigned_abs()));
            s.paid.set_end_date(None).map_err(refusal)?;
        }
        Some(None) => s.paid.total_cycles = None,
        None => {}
    }
    match request.cancel_at_period_end {
        Some(true) => s.paid.cancel_at_period_end(today),
        Some(false) => {
            s.paid.cancel_at_period_end = false;
            s.row.cancel_reason = None;
        }
        None => {}
    }
    Ok(())
}
