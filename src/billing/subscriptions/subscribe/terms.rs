//! What a new subscription charges for, and when it begins.

use chrono::{Days, NaiveDate};
use kiwoom_clock::Clock;
use kiwoom_paid_time::{FirstPeriod, Proration, Start, Subscription, Terms};

use crate::api::errors::takes;
use crate::billing::subscriptions::refusals::end_too_early;
use crate::billing::subscriptions::subscribe::SubscribeRequest;
use crate::http::error::ApiError;
use crate::payments::store::paid_time::{Identity, Loaded};
use crate::rules::contract::Contract;
use crate::rules::ids::SubscriptionId;
use crate::rules::money::Won;
use crate::rules::schedule::Rules;
use crate::rules::subscription_state::Status;
use crate::rules::text::Text;

/// The subscription that was asked for, as it is stored. An error when `startDate` is not
/// [within ten years](within_ten_years), `endDate` not after the first charge, an amount below the
/// least one, or its tax-free part not what the contract takes.
pub fn draft(
    clock: &Clock,
    (rules, contract): (&Rules, &Contract),
    id: SubscriptionId,
    request: &SubscribeRequest,
) -> Result<Loaded, ApiError> {
    let today = clock.today();
    let (start, first) = start(request, today)?;
    let terms = Terms { cadence: request.cadence(first), phases: request.prices() };
    for (at, phase) in terms.phases.iter().enumerate() {
        let Some(amount) = Won::new(phase.price.won) else { continue };
        takes(contract, amount, phase.price.tax_free)?;
        if amount.get() < rules.minimum {
            return Err(too_small(&request.amount_field(at), rules.minimum));
        }
    }
    let proration = request.proration.map_or(Proration::Prorated, |name| name.0);
    let mut paid = Subscription::new(terms, start, proration, rules.minimum);
    paid.end_without_consent = rules.end_without_consent;
    paid.total_cycles = request.total_cycles.map(|n| n.0.unsigned_abs().into());
    if let Some(end) = request.end_date {
        set_end(&mut paid, end, today)?;
    }
    let new = Identity {
        id,
        customer_id: request.customer_id.as_str().to_owned(),
        plan_id: request.plan_id.0.clone(),
        billing_key_id: request.billing_key,
        product_name: request.product_name.as_str().to_owned(),
        amount: request.amount,
        metadata: request.metadata.clone(),
        retry_days: request.retry_days.clone(),
        created_at: clock.now(),
    };
    Ok(Loaded::new(new, Status::Active, paid, clock.now()))
}

/// When it begins, and the day that is the anchor when no `cycleDay` was asked for.
fn start(request: &SubscribeRequest, today: NaiveDate) -> Result<(Start, NaiveDate), ApiError> {
    let tomorrow = today + Days::new(1);
    let trial = request.trial_days.map(|days| u32::from(days.0.unsigned_abs()));
    let at_once = request.charge_now || trial.is_some() || request.free_cycles.is_some();
    let day = request.start_date.unwrap_or(if at_once { today } else { tomorrow });
    within_ten_years(today, day).map_err(|r| ApiError::invalid_field("startDate", r))?;
    if request.charge_now && day > today {
        let ko = format!("chargeNow를 사용하면 오늘({today})이어야 합니다.");
        let reason = Text::new(ko, format!("Has to be today, {today}, with chargeNow."));
        return Err(ApiError::invalid_field("startDate", reason));
    }
    if let Some(days) = trial {
        return Ok((Start::Trial(day, days), day + Days::new(days.into())));
    }
    let first = request.first_period.map_or(FirstPeriod::Prorated, |name| name.0);
    Ok((if at_once { Start::Now(day, first) } else { Start::OnAnchor(day) }, day))
}

/// Sets the end date in place of the one there was. An error when it is not after today, or lies in
/// time that is paid or promised already, or on or before the first charge.
pub fn set_end(paid: &mut Subscription, end: NaiveDate, today: NaiveDate) -> Result<(), ApiError> {
    if end <= today {
        let ko = format!("오늘({today})보다 뒤여야 합니다.");
        let reason = Text::new(ko, format!("Has to be after today, {today}."));
        return Err(ApiError::invalid_field("endDate", reason));
    }
    paid.set_end_date(Some(end)).map_err(|_| end_too_early(paid))
}

/// 400 for an amount below the least one that is charged.
pub fn too_small(field: &str, minimum: i64) -> ApiError {
    let reason = Text::new(
        format!("{minimum}원 이상이어야 합니다(KIWOOM_MIN_AMOUNT)."),
        format!("Has to be at least {minimum} won (KIWOOM_MIN_AMOUNT)."),
    );
    ApiError::invalid_field(field, reason)
}

/// Says what is wrong with a first day that is before `today` or too far after it.
pub fn within_ten_years(today: NaiveDate, day: NaiveDate) -> Result<(), Text> {
    let last = today + chrono::Months::new(120);
    if (today..=last).contains(&day) {
        return Ok(());
    }
    let ko = format!("오늘({today})부터 10년 안({last}까지)의 날짜여야 합니다.");
    Err(Text::new(ko, format!("Has to be within ten years from today: {today} to {last}.")))
}
