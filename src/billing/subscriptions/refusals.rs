//! What the paid time refuses, as the caller is told it.

use chrono::NaiveDate;
use kiwoom_paid_time::{ChargeState, Rate, Refused, Status, Subscription};
use sqlx::postgres::PgConnection;

use crate::http::error::{ApiError, Code};
use crate::http::fields::TaxFree;
use crate::http::fields::schedule::no_such_weekday;
use crate::payments::store::attempts_of_charge;
use crate::payments::store::paid_time::Loaded;
use crate::rules::text::Text;

/// The answer to a call that the paid time refuses.
pub fn refusal(refused: Refused) -> ApiError {
    match refused {
        Refused::Status(status) => not_in_status(status),
        Refused::ChargeOpen => Code::ChargeInProgress.into(),
        Refused::NothingPaid => Code::NothingPaid.into(),
        Refused::PaidThrough(day) => ApiError::invalid_field("endDate", covered_to(day)),
        Refused::ConsentNeeded => ApiError::invalid_field(
            "consent",
            Text::new("가격이 오르므로 필수 값입니다.", "Required: the price rises."),
        ),
        Refused::NoRise => {
            let ko = "예정된 가격 인상이나 유료 전환이 없습니다.";
            let reason = Text::new(ko, "No price rise and no first charge is to come.");
            ApiError::from(Code::SubscriptionNotActive).with_detail("amount", reason)
        }
        Refused::ConsentFrom(day) => ApiError::invalid_field(
            "consentedAt",
            Text::new(
                format!("{day}부터 동의할 수 있습니다."),
                format!("The consent can be given from {day} on."),
            ),
        ),
        Refused::NoCyclesLeft => {
            let reason = Text::new(
                "남은 회차가 없습니다. 먼저 totalCycles를 늘리거나 null로 지워 주세요.",
                "No charge is left: first give a higher totalCycles, or clear it with null.",
            );
            ApiError::from(Code::SubscriptionNotActive).with_detail("totalCycles", reason)
        }
        Refused::Anchor => ApiError::invalid_field("cycleDay", no_such_weekday()),
        Refused::TaxFree => ApiError::invalid_field("taxFreeAmount", TaxFree::above_amount()),
    }
}

/// As [`refusal`], with the payment in the way and the day of the call, `today`.
pub async fn refusal_of(
    db: &mut PgConnection,
    s: &Loaded,
    today: NaiveDate,
    refused: Refused,
) -> Result<ApiError, sqlx::Error> {
    Ok(match refused {
        Refused::ChargeOpen => charge_open(db, s).await?,
        Refused::NothingPaid => ApiError::from(Code::NothingPaid).with_text(Text::new(
            format!("{today}에는 결제된 기간이 없습니다."),
            format!("No period that covers {today} is paid."),
        )),
        other => refusal(other),
    })
}

async fn charge_open(db: &mut PgConnection, s: &Loaded) -> sqlx::Result<ApiError> {
    let open = s.paid.charges.iter().rev();
    let open =
        open.clone().find(|c| matches!(c.state, ChargeState::UnderWay | ChargeState::Unknown));
    let Some(charge) = open else { return Ok(Code::ChargeInProgress.into()) };
    let code = match charge.state {
        ChargeState::Unknown => Code::OutcomeUnknown,
        _ => Code::ChargeInProgress,
    };
    let number = i32::try_from(charge.id).unwrap_or(i32::MAX);
    let attempts = attempts_of_charge(db, s.row.id, number).await?;
    let error = ApiError::from(code);
    Ok(match attempts.first() {
        Some(payment) => error
            .with_detail("paymentId", Text::new(payment.id.to_string(), payment.id.to_string())),
        None => error,
    })
}

fn not_in_status(status: Status) -> ApiError {
    let name = match status {
        Status::Active => "active",
        Status::PastDue => "past_due",
        Status::Paused => "paused",
        Status::Unpaid => "unpaid",
        Status::Canceled => "canceled",
    };
    let reason = Text::new(format!("현재 상태는 {name}입니다."), format!("It is {name}."));
    ApiError::from(Code::SubscriptionNotActive).with_detail("status", reason)
}

/// 400 for an end date on or before the first charge, or inside time that is paid or promised already.
pub fn end_too_early(paid: &Subscription) -> ApiError {
    let day = paid.covered_to();
    ApiError::invalid_field(
        "endDate",
        if paid.segments.is_empty() { first_on(day) } else { covered_to(day) },
    )
}

fn first_on(day: NaiveDate) -> Text {
    Text::new(
        format!("첫 청구일인 {day}보다 뒤여야 합니다."),
        format!("Has to be after the first charge, on {day}."),
    )
}

/// Why a day is refused that lies inside the time that is paid or promised up to `day`.
pub fn covered_to(day: NaiveDate) -> Text {
    Text::new(
        format!("{day} 전날까지 이미 결제되었거나 무료입니다(paidThrough {day})."),
        format!("The time up to {day} is paid or free already (paidThrough)."),
    )
}

/// Why a moment is refused that has not come.
pub fn in_the_future() -> Text {
    Text::new("미래일 수 없습니다.", "May not be in the future.")
}

/// 400 for a rise from `old` to `new` at once without the consent that it needs.
pub fn consent_needed(old: Rate, new: Rate) -> ApiError {
    let (old, new) = (per_day(old), per_day(new));
    let reason = Text::new(
        format!("하루 가격이 {old}원에서 {new}원으로 오르므로 필수 값입니다."),
        format!("Required: the price of a day rises from {old} to {new} won."),
    );
    ApiError::invalid_field("consent", reason)
}

/// Won for a day, rounded down.
fn per_day(rate: Rate) -> i64 {
    rate.price.won * 12 / rate.twelfths
}
