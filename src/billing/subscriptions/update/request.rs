//! The body of `PATCH /billing/subscription/:id`.

use chrono::NaiveDate;
use kiwoom_paid_time::Interval;
use serde_json::Value;
use utoipa::ToSchema;

use crate::billing::subscriptions::consents::Given;
use crate::billing::subscriptions::subscribe::PlanId;
use crate::billing::subscriptions::trial_and_end::{TotalCycles, check_limit, refuse_together};
use crate::http::description::{self, described};
use crate::http::extract::{Fields, FromField, FromFields, InQuery, one_of};
use crate::http::fields::TaxFree;
use crate::http::fields::schedule::{IntervalName, ProrationName, Schedule};
use crate::kiwoom::text::ProductName;
use crate::rules::ids::BillingKeyId;
use crate::rules::metadata::Metadata;
use crate::rules::money::Won;
use crate::rules::schedule::RetryDays;
use crate::rules::text::Text;

/// What to change. A field that is left out stays as it is; `null` clears `endDate`, `totalCycles`,
/// `retryDays` and `metadata`.
#[derive(ToSchema)]
#[schema(rename_all = "camelCase")]
#[serde(deny_unknown_fields)]
#[expect(clippy::option_option, reason = "left out, null and a value are three wishes")]
pub struct UpdateRequest {
    /// From when on `amount`, `taxFreeAmount`, `cycleDay`, `interval` and `intervalCount` hold: with
    /// `next_period` (default) from the next charge on, with `now` from today. The rest holds at once.
    #[schema(value_type = Option<FromWhen>)]
    pub(super) when: FromWhen,
    /// Won of a whole period.
    #[schema(value_type = Option<i64>, minimum = 1, maximum = 9_999_999_999_i64)]
    pub(super) amount: Option<Won>,
    pub(super) plan_id: Option<PlanId>,
    pub(super) product_name: Option<ProductName>,
    /// Day of the month; with `interval` `week` the day of the week, 1 (Monday) to 7. With `now` it is
    /// today's.
    #[schema(value_type = Option<i64>, minimum = 1, maximum = 31)]
    cycle_day: Option<u32>,
    #[schema(value_type = Option<IntervalName>)]
    interval: Option<Interval>,
    /// Up to 52 weeks, 24 months or 5 years.
    #[schema(value_type = Option<i64>, minimum = 1, maximum = 52)]
    interval_count: Option<u32>,
    /// What parts of a period cost.
    pub(super) proration: Option<ProrationName>,
    pub(super) billing_key: Option<BillingKeyId>,
    /// From the next decline on; `null`: those of the service.
    #[schema(value_type = Option<RetryDays>)]
    pub(super) retry_days: Option<Option<RetryDays>>,
    /// Merged key by key; `null` for a key removes it.
    #[schema(value_type = Option<Object>)]
    pub(super) metadata: Option<Option<Metadata>>,
    /// `true`: it ends with the current period; `false` takes that back.
    #[schema(value_type = Option<bool>)]
    pub(super) cancel_at_period_end: Option<bool>,
    /// Tax-free part of the amount in won.
    #[schema(value_type = Option<i64>, minimum = 0, maximum = 9_999_999_999_i64)]
    pub(super) tax_free_amount: Option<TaxFree>,
    /// The customer's consent to the higher price.
    pub(super) consent: Option<Given>,
    /// A day after what is paid: no day from it on is charged. In place of the `totalCycles` there
    /// were.
    #[schema(value_type = Option<NaiveDate>)]
    pub(super) end_date: Option<Option<NaiveDate>>,
    /// So many more charges are made, then it ends. In place of the `endDate` there was.
    #[schema(value_type = Option<i64>, minimum = 1, maximum = 600)]
    pub(super) total_cycles: Option<Option<TotalCycles>>,
}

/// `when`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum FromWhen {
    /// The next charge.
    #[default]
    NextPeriod,
    /// Today.
    Now,
}

const WHEN: [(&str, FromWhen); 2] = [("next_period", FromWhen::NextPeriod), ("now", FromWhen::Now)];

described!(FromWhen as "ChangeWhen", description::one_of(WHEN.map(|(word, _)| word)));

impl FromField for FromWhen {
    fn from_field(value: &Value) -> Result<Self, Text> {
        one_of(value, &WHEN)
    }
}

/// What stands by itself: with a change at once it would stay when that is declined.
const NOT_AT_ONCE: [&str; 4] = ["proration", "cancelAtPeriodEnd", "endDate", "totalCycles"];

impl FromFields for UpdateRequest {
    fn from_fields(f: &mut Fields) -> Option<Self> {
        check_limit(f);
        let when = f.changeable("when").unwrap_or_default();
        for name in NOT_AT_ONCE.into_iter().filter(|_| when == FromWhen::Now) {
            refuse_together(f, name, "when: now");
        }
        let amount = f.changeable("amount");
        let (plan_id, product_name) = (f.changeable("planId"), f.changeable("productName"));
        let schedule = Schedule::change(f);
        Some(Self {
            when,
            amount,
            plan_id,
            product_name,
            cycle_day: schedule.anchor,
            interval: schedule.interval,
            interval_count: schedule.count,
            proration: f.changeable("proration"),
            billing_key: f.changeable("billingKey"),
            retry_days: f.clearable("retryDays"),
            metadata: f.clearable("metadata"),
            cancel_at_period_end: f.changeable("cancelAtPeriodEnd"),
            tax_free_amount: f.changeable("taxFreeAmount"),
            consent: f.changeable_object("consent"),
            end_date: f.clearable("endDate"),
            total_cycles: f.clearable("totalCycles"),
        })
    }
}

impl UpdateRequest {
    /// What it says of when to charge.
    pub(super) fn schedule(&self) -> Schedule {
        Schedule { anchor: self.cycle_day, interval: self.interval, count: self.interval_count }
    }

    /// Whether it changes the price, or when or for how long the subscription is charged.
    pub(super) fn changes_paid_time(&self) -> bool {
        let changes_price = self.amount.is_some() || self.tax_free_amount.is_some();
        changes_price
            || self.schedule().is_given()
            || self.end_date.is_some()
            || self.total_cycles.is_some()
    }
}

/// Whether only to show what would be.
pub struct PreviewRequest(pub(super) bool);

impl FromFields for PreviewRequest {
    fn from_fields(f: &mut Fields) -> Option<Self> {
        Some(Self(f.optional::<InQuery<bool>>("preview").is_some_and(|preview| preview.0)))
    }
}
