//! The answer to a change.

use chrono::{Months, NaiveDate};
use kiwoom_paid_time::{Refused, Subscription};
use serde::Serialize;
use utoipa::ToSchema;

use super::change::Changed;
use crate::api::answers::PaymentBody;
use crate::billing::answers::{NextChargeBody, SubscriptionBody};
use crate::context::Context;
use crate::payments::store::paid_time::Loaded;

/// A subscription that was changed.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct UpdatedBody {
    #[serde(flatten)]
    subscription: SubscriptionBody,
    /// Only of a change at once that was charged for.
    #[serde(skip_serializing_if = "Option::is_none")]
    payment: Option<PaymentBody>,
    /// Only with `preview=true`.
    #[serde(skip_serializing_if = "Option::is_none")]
    preview: Option<PreviewBody>,
}

/// The lines of a change that was not made.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(super) struct PreviewBody {
    /// Won given for days that are paid and not used.
    credit: i64,
    /// Its tax-free part.
    credit_tax_free: i64,
    /// Price of the new days in won.
    charge: i64,
    /// What the card would pay now, in won.
    total: i64,
    /// The next charges, at most three.
    next_charges: Vec<NextChargeBody>,
}

impl UpdatedBody {
    pub(super) fn new(
        ctx: &Context,
        s: &Loaded,
        payment: Option<PaymentBody>,
        preview: Option<PreviewBody>,
    ) -> Self {
        Self { subscription: SubscriptionBody::of(ctx, s), payment, preview }
    }
}

impl PreviewBody {
    pub(super) fn new(
        before: &Subscription,
        after: &Subscription,
        changed: &Changed,
        today: NaiveDate,
    ) -> Result<Self, Refused> {
        let lines = before.preview(changed.change, changed.when, today)?;
        let next = after.forecast(today, today + Months::new(120));
        Ok(Self {
            credit: lines.credit.won,
            credit_tax_free: lines.credit.tax_free,
            charge: lines.charge.won,
            total: lines.total.won,
            next_charges: next.into_iter().take(3).map(NextChargeBody::from).collect(),
        })
    }
}
