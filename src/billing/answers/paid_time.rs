//! What an answer of a subscription tells of its paid time.

use chrono::NaiveDate;
use kiwoom_paid_time::{
    Kind, Period, Phase, Planned, Proration, Reason, Status as PaidStatus, Subscription,
};
use serde::Serialize;
use utoipa::ToSchema;

use crate::http::fields::schedule::proration_name;
use crate::payments::store::paid_time::Row;
use crate::rules::subscription_state::Status;

/// See the module.
pub struct Shown {
    pub(super) coverage: &'static str,
    pub(super) next_charge: Option<NextChargeBody>,
    pub(super) rest: RestBody,
}

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
    reason: &'static str,
}

/// What is only told when it is set.
#[derive(Default, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct RestBody {
    /// With `phases`: all of them.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    #[schema(required = false)]
    phases: Vec<PhaseBody>,
    /// What parts of a period cost, when that is not their share: `full` or `free`.
    #[serde(skip_serializing_if = "Option::is_none")]
    proration: Option<&'static str>,
    /// While a rise waits for a consent: the first day on which it can be given.
    #[serde(skip_serializing_if = "Option::is_none")]
    consent_from: Option<NaiveDate>,
    /// Days that were left at a pause and are given back.
    #[serde(skip_serializing_if = "Option::is_none")]
    kept_days: Option<i64>,
    /// While it is past due: what is tried again.
    #[serde(skip_serializing_if = "Option::is_none")]
    open_charge: Option<OpenChargeBody>,
}

#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
struct PhaseBody {
    /// Whole periods; of the last phase none.
    #[serde(skip_serializing_if = "Option::is_none")]
    cycles: Option<u32>,
    /// Won; 0 = free.
    amount: i64,
    /// Only when part of the amount is tax-free.
    #[serde(skip_serializing_if = "Option::is_none")]
    tax_free_amount: Option<i64>,
}

#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
struct OpenChargeBody {
    /// Won.
    amount: i64,
    period_start: NaiveDate,
    period_end: NaiveDate,
}

impl Shown {
    /// As it stands on `today`.
    pub fn of(paid: &Subscription, today: NaiveDate) -> Self {
        Self {
            coverage: kind_name(paid.coverage(today)),
            next_charge: paid.next_charge(today).map(NextChargeBody::from),
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
            rest: RestBody { consent_from: row.consent_from, ..RestBody::default() },
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
        let phases = paid.terms.phases.as_slice();
        let phases = if phases.len() > 1 { phases } else { &[] };
        let proration = Some(paid.proration).filter(|p| *p != Proration::Prorated);
        Self {
            phases: phases.iter().map(PhaseBody::from).collect(),
            proration: proration.map(proration_name),
            consent_from: paid.consent_from().filter(|_| paid.status != PaidStatus::Canceled),
            kept_days: Some(paid.kept_days()).filter(|days| *days > 0),
            open_charge: OpenChargeBody::of(paid),
        }
    }
}

impl From<&Phase> for PhaseBody {
    fn from(phase: &Phase) -> Self {
        Self {
            cycles: phase.cycles,
            amount: phase.price.won,
            tax_free_amount: Some(phase.price.tax_free).filter(|part| *part > 0),
        }
    }
}

impl OpenChargeBody {
    fn of(paid: &Subscription) -> Option<Self> {
        let past_due = paid.status == kiwoom_paid_time::Status::PastDue;
        let charge = paid.open_charge().filter(|_| past_due)?;
        let Period { start, end } = paid.period_of(charge.id)?;
        Some(Self { amount: charge.amount.won, period_start: start, period_end: end })
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
