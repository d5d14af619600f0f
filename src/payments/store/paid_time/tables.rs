//! Rows of the three tables that a subscription's paid time is kept in. They are read and written as
//! JSON: the names of kinds, states and reasons are those of the model.

use chrono::NaiveDate;
use kiwoom_paid_time::{
    Charge, ChargeState, Counts, Kind, Money, Period, Phase, Rate, Reason, Segment,
};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

#[derive(Clone, Debug, PartialEq, Deserialize, Serialize)]
pub(super) struct SegmentRow {
    subscription_id: Uuid,
    pub(super) number: u32,
    starts_on: NaiveDate,
    ends_on: NaiveDate,
    follows: Option<NaiveDate>,
    kind: Kind,
    reason: Reason,
    charge_no: Option<u32>,
    amount: i64,
    tax_free_amount: i64,
    rate_amount: i64,
    rate_tax_free: i64,
    rate_twelfths: i64,
    of_days: i64,
    phase: usize,
    uses_cycle: bool,
}

impl SegmentRow {
    /// Whether it is the same segment, on the same days.
    pub(super) fn has_days_of(&self, other: &Self) -> bool {
        let place = |row: &Self| (row.number, row.starts_on, row.ends_on, row.follows);
        place(self) == place(other)
    }
}

#[derive(Clone, Debug, PartialEq, Deserialize, Serialize)]
pub(super) struct ChargeRow {
    subscription_id: Uuid,
    pub(super) number: u32,
    first_tried_on: NaiveDate,
    days: i64,
    amount: i64,
    tax_free_amount: i64,
    credit: i64,
    credit_tax_free: i64,
    carried_in: i64,
    carried_in_tax_free: i64,
    carried_out: i64,
    carried_out_tax_free: i64,
    credited: i64,
    credited_tax_free: i64,
    state: ChargeState,
    counts: Counts,
    is_retry: bool,
    /// Read from the payments, never written.
    #[serde(default, skip_serializing)]
    refunded: i64,
    #[serde(default, skip_serializing)]
    refunded_tax_free: i64,
}

#[derive(Clone, Debug, PartialEq, Deserialize, Serialize)]
pub(super) struct PhaseRow {
    subscription_id: Uuid,
    position: usize,
    cycles: Option<u32>,
    amount: i64,
    tax_free_amount: i64,
}

/// All segments as rows: each but the first names where the one before it ends.
pub(super) fn segments(id: Uuid, segments: &[Segment]) -> Vec<SegmentRow> {
    let row = |(at, s): (usize, &Segment)| SegmentRow {
        subscription_id: id,
        number: s.id,
        starts_on: s.period.start,
        ends_on: s.period.end,
        follows: (at > 0).then_some(s.period.start),
        kind: s.kind,
        reason: s.reason,
        charge_no: s.charge,
        amount: s.price.won,
        tax_free_amount: s.price.tax_free,
        rate_amount: s.rate.price.won,
        rate_tax_free: s.rate.price.tax_free,
        rate_twelfths: s.rate.twelfths,
        of_days: s.of_days,
        phase: s.phase,
        uses_cycle: s.cycle,
    };
    segments.iter().enumerate().map(row).collect()
}

impl From<SegmentRow> for Segment {
    fn from(row: SegmentRow) -> Self {
        let price = Money { won: row.rate_amount, tax_free: row.rate_tax_free };
        Self {
            id: row.number,
            period: Period { start: row.starts_on, end: row.ends_on },
            kind: row.kind,
            reason: row.reason,
            charge: row.charge_no,
            price: Money { won: row.amount, tax_free: row.tax_free_amount },
            rate: Rate { price, twelfths: row.rate_twelfths },
            of_days: row.of_days,
            phase: row.phase,
            cycle: row.uses_cycle,
        }
    }
}

/// All charges as rows, without what was refunded.
pub(super) fn charges(id: Uuid, charges: &[Charge]) -> Vec<ChargeRow> {
    let row = |c: &Charge| ChargeRow {
        subscription_id: id,
        number: c.id,
        first_tried_on: c.on,
        days: c.days,
        amount: c.amount.won,
        tax_free_amount: c.amount.tax_free,
        credit: c.credit.won,
        credit_tax_free: c.credit.tax_free,
        carried_in: c.carried_in.won,
        carried_in_tax_free: c.carried_in.tax_free,
        carried_out: c.carried_out.won,
        carried_out_tax_free: c.carried_out.tax_free,
        credited: c.credited.won,
        credited_tax_free: c.credited.tax_free,
        state: c.state,
        counts: c.counts,
        is_retry: c.is_retry,
        refunded: 0,
        refunded_tax_free: 0,
    };
    charges.iter().map(row).collect()
}

impl From<ChargeRow> for Charge {
    fn from(row: ChargeRow) -> Self {
        Self {
            id: row.number,
            on: row.first_tried_on,
            days: row.days,
            amount: Money { won: row.amount, tax_free: row.tax_free_amount },
            credit: Money { won: row.credit, tax_free: row.credit_tax_free },
            carried_in: Money { won: row.carried_in, tax_free: row.carried_in_tax_free },
            carried_out: Money { won: row.carried_out, tax_free: row.carried_out_tax_free },
            credited: Money { won: row.credited, tax_free: row.credited_tax_free },
            refunded: Money { won: row.refunded, tax_free: row.refunded_tax_free },
            state: row.state,
            counts: row.counts,
            is_retry: row.is_retry,
        }
    }
}

pub(super) fn phases(id: Uuid, phases: &[Phase]) -> Vec<PhaseRow> {
    let row = |(position, phase): (usize, &Phase)| PhaseRow {
        subscription_id: id,
        position,
        cycles: phase.cycles,
        amount: phase.price.won,
        tax_free_amount: phase.price.tax_free,
    };
    phases.iter().enumerate().map(row).collect()
}

impl From<PhaseRow> for Phase {
    fn from(row: PhaseRow) -> Self {
        let price = Money { won: row.amount, tax_free: row.tax_free_amount };
        Self { cycles: row.cycles, price }
    }
}
