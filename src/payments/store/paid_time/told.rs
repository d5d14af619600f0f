//! What a subscription tells of its paid time beside its columns, in answers and in events alike.

use chrono::NaiveDate;
use kiwoom_paid_time::{Period, Phase, Proration, Status, Subscription};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// Each part only where there is something to tell.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct Told {
    /// With `phases`: all of them.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schema(required = false)]
    phases: Vec<ToldPhase>,
    /// What parts of a period cost, when that is not their share: `full` or `free`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>)]
    proration: Option<Proration>,
    /// Days that were left at a pause and are given back.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    kept_days: Option<i64>,
    /// While it is past due: what is tried again.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    open_charge: Option<OpenCharge>,
}

/// A price, and for how long.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = PhaseBody)]
struct ToldPhase {
    /// Whole periods; of the last phase none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    cycles: Option<u32>,
    /// Won; 0 = free.
    amount: i64,
    /// Only when part of the amount is tax-free.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    tax_free_amount: Option<i64>,
}

/// What is tried again.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = OpenChargeBody)]
struct OpenCharge {
    /// Won.
    amount: i64,
    period_start: NaiveDate,
    period_end: NaiveDate,
}

impl Told {
    /// Of a subscription as it stands.
    pub fn of(paid: &Subscription) -> Self {
        let phases = paid.terms.phases.as_slice();
        let phases = if phases.len() > 1 { phases } else { &[] };
        Self {
            phases: phases.iter().map(ToldPhase::from).collect(),
            proration: Some(paid.proration).filter(|p| *p != Proration::Prorated),
            kept_days: Some(paid.kept_days()).filter(|days| *days > 0),
            open_charge: OpenCharge::of(paid),
        }
    }

    /// Unless there is nothing to tell.
    pub(super) fn something(self) -> Option<Self> {
        Some(self).filter(|told| *told != Self::default())
    }
}

impl From<&Phase> for ToldPhase {
    fn from(phase: &Phase) -> Self {
        Self {
            cycles: phase.cycles,
            amount: phase.price.won,
            tax_free_amount: Some(phase.price.tax_free).filter(|part| *part > 0),
        }
    }
}

impl OpenCharge {
    fn of(paid: &Subscription) -> Option<Self> {
        let charge = paid.open_charge().filter(|_| paid.status == Status::PastDue)?;
        let Period { start, end } = paid.period_of(charge.id)?;
        Some(Self { amount: charge.amount.won, period_start: start, period_end: end })
    }
}
