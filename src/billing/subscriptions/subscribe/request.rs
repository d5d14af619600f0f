//! The body of `POST /billing/subscribe`.

use chrono::NaiveDate;
use kiwoom_paid_time::{Cadence, Interval, Money, Phase};
use serde_json::Value;
use utoipa::ToSchema;

use crate::billing::subscriptions::consents::Given;
use crate::billing::subscriptions::subscribe::phases::{PhaseRequest, phases};
use crate::billing::subscriptions::trial_and_end::{
    FreeCycles, TotalCycles, TrialDays, check_limit, check_trial, refuse_together,
};
use crate::http::description::{self, described};
use crate::http::extract::{Fields, FromField, FromFields};
use crate::http::fields::TaxFree;
use crate::http::fields::ids::merchants_id;
use crate::http::fields::schedule::{FirstPeriodName, IntervalName, ProrationName, Schedule};
use crate::kiwoom::text::{CustomerId, ProductName};
use crate::rules::ids::BillingKeyId;
use crate::rules::metadata::Metadata;
use crate::rules::money::Won;
use crate::rules::schedule::RetryDays;
use crate::rules::text::Text;

/// A new subscription.
#[derive(ToSchema)]
#[schema(rename_all = "camelCase")]
#[serde(deny_unknown_fields)]
pub struct SubscribeRequest {
    pub(crate) billing_key: BillingKeyId,
    pub(crate) customer_id: CustomerId,
    pub(crate) plan_id: PlanId,
    /// Won of a whole period. Required without `phases`.
    #[schema(value_type = Option<i64>, minimum = 1, maximum = 9_999_999_999_i64, example = 9900)]
    pub(crate) amount: Won,
    pub(crate) product_name: ProductName,
    /// Anchor day; short months bill on their last day. With `interval` `week` it is the day of the
    /// week, 1 (Monday) to 7 (Sunday). Left out: the day of the first charge, as planned.
    #[schema(value_type = Option<i64>, minimum = 1, maximum = 31, example = 15)]
    cycle_day: Option<u32>,
    /// `week`, `month` or `year`; default: `month`.
    #[schema(value_type = Option<IntervalName>)]
    interval: Interval,
    /// How many of them lie between two charges: up to 52 weeks, 24 months or 5 years; default: 1.
    #[schema(value_type = Option<i64>, minimum = 1, maximum = 52)]
    interval_count: u32,
    /// Default: tomorrow; today with `chargeNow`, `trialDays` or `freeCycles`.
    pub(crate) start_date: Option<NaiveDate>,
    /// Begin today and charge at once: a whole period on the anchor day, else the days until it.
    #[schema(value_type = Option<bool>)]
    pub(crate) charge_now: bool,
    /// With `chargeNow` off the anchor day: `prorated` (default) charges the days until it at their
    /// share, `full` a whole interval from today, `free` gives them away.
    pub(crate) first_period: Option<FirstPeriodName>,
    /// What parts of a period cost later on: `prorated` (default), `full` or `free`.
    pub(crate) proration: Option<ProrationName>,
    /// So many days from the start are free.
    #[schema(value_type = Option<i64>, minimum = 1, maximum = 730)]
    pub(crate) trial_days: Option<TrialDays>,
    /// So many intervals from the start are free; not together with `trialDays`, neither with
    /// `chargeNow`.
    #[schema(value_type = Option<i64>, minimum = 1, maximum = 24)]
    pub(crate) free_cycles: Option<FreeCycles>,
    /// Prices in order, 1 to 20, in place of `amount`.
    #[schema(value_type = Option<Vec<PhaseRequest>>)]
    phases: Option<Vec<Phase>>,
    /// A day after the first charge: no day from it on is charged, and the subscription ends with
    /// what is paid.
    pub(crate) end_date: Option<NaiveDate>,
    /// It ends after so many charges; not together with `endDate`.
    #[schema(value_type = Option<i64>, minimum = 1, maximum = 600)]
    pub(crate) total_cycles: Option<TotalCycles>,
    /// Days after the first declined attempt of a period; default: `RETRY_DAYS`, `[]` = no retry.
    pub(crate) retry_days: Option<RetryDays>,
    /// Tax-free part of the amount in won.
    #[schema(value_type = Option<i64>, minimum = 0, maximum = 9_999_999_999_i64)]
    tax_free_amount: i64,
    /// The merchant's own data: at most 4,096 bytes, without U+0000.
    #[schema(value_type = Option<Object>)]
    pub(crate) metadata: Metadata,
    /// The customer's consent to the first rise: to be charged when the free time ends, or to the next
    /// phase. Given within the 30 days before it.
    pub(crate) consent: Option<Given>,
}

impl FromFields for SubscribeRequest {
    fn from_fields(f: &mut Fields) -> Option<Self> {
        let billing_key = f.required("billingKey");
        let customer_id = f.required("customerId");
        let plan_id = f.required("planId");
        let has_phases = f.has("phases");
        let amount: Option<Won> =
            if has_phases { f.optional("amount") } else { f.required("amount") };
        let product_name = f.required("productName");
        let schedule = Schedule::read(f, Some(Interval::Month));
        let tax_free_amount = TaxFree::of(f, amount).unwrap_or(0);
        let phases = phases(f);
        let last = phases.iter().flatten().last().and_then(|last| Won::new(last.price.won));
        let start_date = f.optional("startDate");
        let charge_now = f.optional("chargeNow").unwrap_or(false);
        check_trial(f, charge_now);
        check_limit(f);
        if f.has("firstPeriod") && !charge_now {
            let reason = Text::new(
                "chargeNow와 함께 사용할 수 있습니다.",
                "May only be given together with chargeNow.",
            );
            f.refuse("firstPeriod", reason);
        }
        for name in ["amount", "taxFreeAmount", "freeCycles"].into_iter().filter(|_| has_phases) {
            refuse_together(f, name, "phases");
        }
        Some(Self {
            start_date,
            charge_now,
            first_period: f.optional("firstPeriod"),
            proration: f.optional("proration"),
            trial_days: f.optional("trialDays"),
            free_cycles: f.optional("freeCycles"),
            end_date: f.optional("endDate"),
            total_cycles: f.optional("totalCycles"),
            retry_days: f.optional("retryDays"),
            tax_free_amount,
            metadata: f.optional("metadata").unwrap_or_default(),
            consent: f.object("consent"),
            billing_key: billing_key?,
            customer_id: customer_id?,
            plan_id: plan_id?,
            amount: if has_phases { last? } else { amount? },
            phases,
            product_name: product_name?,
            cycle_day: schedule.anchor,
            interval: schedule.interval.unwrap_or(Interval::Month),
            interval_count: schedule.count.unwrap_or(1),
        })
    }
}

impl SubscribeRequest {
    /// How often it is charged; on the day of `first` when no `cycleDay` was asked for.
    pub(crate) fn cadence(&self, first: NaiveDate) -> Cadence {
        let anchor = self.cycle_day.unwrap_or(1);
        let cadence = Cadence { interval: self.interval, count: self.interval_count, anchor };
        if self.cycle_day.is_some() { cadence } else { cadence.anchored_on(first) }
    }

    /// The name of the field with the amount of one of its prices.
    pub(crate) fn amount_field(&self, phase: usize) -> String {
        if self.phases.is_some() { format!("phases[{phase}].amount") } else { "amount".to_owned() }
    }

    /// The prices, in order; the last one holds for good.
    pub(crate) fn prices(&self) -> Vec<Phase> {
        if let Some(phases) = &self.phases {
            return phases.clone();
        }
        let price = Money { won: self.amount.get(), tax_free: self.tax_free_amount };
        let free = self.free_cycles.map(|cycles| Phase {
            cycles: Some(cycles.0.unsigned_abs().into()),
            price: Money::ZERO,
        });
        free.into_iter().chain([Phase { cycles: None, price }]).collect()
    }
}

/// The merchant's id of its plan, at most 100 characters.
pub struct PlanId(pub String);

described!(PlanId, description::merchants_id(100).examples(["monthly"]));

impl FromField for PlanId {
    fn from_field(value: &Value) -> Result<Self, Text> {
        merchants_id(value, 100).map(Self)
    }
}
