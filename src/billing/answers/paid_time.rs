//! What an answer of a subscription tells of its paid time.

use chrono::NaiveDate;
use kiwoom_paid_time::{Kind, Period, Planned, Reason, Status as PaidStatus, Subscription};
use serde::Serialize;
use utoipa::ToSchema;

use crate::http::description::words;
use crate::payments::store::paid_time::{Loaded, Row, Told};
use crate::rules::subscription_state::Status;

/// See the module.
pub struct Shown {
    pub(super) coverage: &'static str,
    pub(super) next_charge: Option<NextChargeBody>,
    pub(super) rest: RestBody,
}

words!(
    /// Why a charge is what it is.
    NextChargeReason,
    ["whole", "stub", "changed"]
);

/// The next charge, when nothing is changed.
#[derive(Clone, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct NextChargeBody {
    date: NaiveDate,
    /// What the card pays, in won: after credit and with what is carried.
    amount: i64,
    period_start: NaiveDate,
    /// The day after its last day.
    period_end: NaiveDate,
    /// `whole`, `stub` (a part of a period) or `changed`.
    #[schema(value_type = NextChargeReason)]
    reason: &'static str,
}

/// What is only told when it is set.
#[derive(Default, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct RestBody {
    #[serde(flatten)]
    told: Told,
    /// While a rise waits for a consent: the first day on which it can be given.
    #[serde(skip_serializing_if = "Option::is_none")]
    consent_from: Option<NaiveDate>,
}

impl Shown {
    /// As it stands on `today`. Who pays to come back has no service before that is paid.
    pub fn of(s: &Loaded, today: NaiveDate) -> Self {
        let paid = &s.paid;
        let is_unpaid = s.row.status == Status::Unpaid;
        let coverage = if is_unpaid { Kind::None } else { paid.coverage(today) };
        let next = paid.next_charge(today).filter(|_| !is_unpaid);
        Self {
            coverage: kind_name(coverage),
            next_charge: next.map(NextChargeBody::from),
            rest: RestBody::of(paid),
        }
    }

    /// As it stood when the row was written: for events.
    pub fn of_row(row: &Row) -> Self {
        let goes_on = matches!(row.status, Status::Active | Status::PastDue);
        let kind = row.period_kind.as_deref().filter(|_| goes_on);
        let coverage = ["paid", "free", "open"].into_iter().find(|name| kind == Some(*name));
        Self {
            coverage: coverage.unwrap_or("none"),
            next_charge: NextChargeBody::of_row(row),
            rest: RestBody {
                told: row.told.as_ref().map(|told| told.0.clone()).unwrap_or_default(),
                consent_from: row.consent_from,
            },
        }
    }
}

impl NextChargeBody {
    fn of_row(row: &Row) -> Option<Self> {
        let date = row.next_charge_date?;
        Some(Self {
            date,
            amount: row.next_charge_amount?,
            period_start: row.next_charge_start?,
            period_end: row.next_charge_end?,
            reason: REASONS.iter().find(|r| row.next_charge_reason.as_deref() == Some(**r))?,
        })
    }
}

impl From<Planned> for NextChargeBody {
    fn from(planned: Planned) -> Self {
        let Period { start, end } = planned.period;
        Self {
            date: planned.on,
            amount: planned.amount.won,
            period_start: start,
            period_end: end,
            reason: match planned.reason {
                Reason::Stub => "stub",
                Reason::Changed => "changed",
                _ => "whole",
            },
        }
    }
}

const REASONS: [&str; 3] = ["whole", "stub", "changed"];

impl RestBody {
    fn of(paid: &Subscription) -> Self {
        let consent_from = paid.consent_from();
        Self {
            told: Told::of(paid),
            consent_from: consent_from.filter(|_| paid.status != PaidStatus::Canceled),
        }
    }
}

fn kind_name(kind: Kind) -> &'static str {
    match kind {
        Kind::Paid => "paid",
        Kind::Free => "free",
        Kind::Open => "open",
        Kind::None => "none",
    }
}
