//! The body of `POST /billing/subscribe`.

use chrono::NaiveDate;
use serde_json::Value;
use utoipa::ToSchema;

use crate::billing::subscriptions::consents::Given;
use crate::billing::subscriptions::trial_and_end::{
    FreeCycles, TotalCycles, TrialDays, check_limit, check_trial,
};
use crate::http::description::{self, described};
use crate::http::extract::{Fields, FromField, FromFields};
use crate::http::fields::TaxFree;
use crate::http::fields::ids::merchants_id;
use crate::http::fields::schedule::cadence;
use crate::kiwoom::text::{CustomerId, ProductName};
use crate::rules::ids::BillingKeyId;
use crate::rules::metadata::Metadata;
use crate::rules::money::Won;
use crate::rules::schedule::{AnchorDay, Cadence, Interval, RetryDays};
use crate::rules::text::Text;

/// A new subscription.
#[derive(ToSchema)]
#[schema(rename_all = "camelCase")]
#[serde(deny_unknown_fields)]
pub struct SubscribeRequest {
    pub(crate) billing_key: BillingKeyId,
    pub(crate) customer_id: CustomerId,
    pub(crate) plan_id: PlanId,
    /// Won.
    #[schema(value_type = i64, minimum = 1, maximum = 9_999_999_999_i64, example = 9900)]
    pub(crate) amount: Won,
    pub(crate) product_name: ProductName,
    /// Anchor day; short months bill on their last day. With `interval` `week` it is the day of the
    /// week, 1 (Monday) to 7 (Sunday).
    #[schema(value_type = i64, minimum = 1, maximum = 31, example = 15)]
    pub(crate) cycle_day: AnchorDay,
    /// `week`, `month` or `year`; default: `month`.
    #[schema(value_type = Option<Interval>)]
    pub(crate) interval: Interval,
    /// How many of them lie between two charges: up to 52 weeks, 24 months or 5 years; default: 1.
    #[schema(value_type = Option<i64>, minimum = 1, maximum = 52)]
    pub(crate) interval_count: i16,
    /// Default: tomorrow.
    pub(crate) start_date: Option<NaiveDate>,
    /// Charge the first period at once.
    #[schema(value_type = Option<bool>)]
    pub(crate) charge_now: bool,
    /// So many days after the start are free, and those up to the next `cycleDay`.
    #[schema(value_type = Option<i64>, minimum = 1, maximum = 730)]
    pub(crate) trial_days: Option<TrialDays>,
    /// So many intervals are free; not together with `trialDays`, neither with `chargeNow`.
    #[schema(value_type = Option<i64>, minimum = 1, maximum = 24)]
    pub(crate) free_cycles: Option<FreeCycles>,
    /// A day after today: no period that would begin on it or later is charged; the subscription
    /// ends with the last one.
    pub(crate) end_date: Option<NaiveDate>,
    /// It ends after so many charged periods; not together with `endDate`.
    #[schema(value_type = Option<i64>, minimum = 1, maximum = 600)]
    pub(crate) total_cycles: Option<TotalCycles>,
    /// Days after the first declined attempt of a period; default: `RETRY_DAYS`, `[]` = no retry.
    pub(crate) retry_days: Option<RetryDays>,
    /// Tax-free part of the amount in won.
    #[schema(value_type = Option<i64>, minimum = 0, maximum = 9_999_999_999_i64)]
    pub(crate) tax_free_amount: i64,
    /// The merchant's own data: at most 4,096 bytes, without U+0000.
    #[schema(value_type = Option<Object>)]
    pub(crate) metadata: Metadata,
    /// The customer's consent to be charged `amount` when the free time ends. It holds when that is
    /// within 30 days.
    pub(crate) consent: Option<Given>,
}

impl FromFields for SubscribeRequest {
    fn from_fields(f: &mut Fields) -> Option<Self> {
        let billing_key = f.required("billingKey");
        let customer_id = f.required("customerId");
        let plan_id = f.required("planId");
        let amount = f.required::<Won>("amount");
        let product_name = f.required("productName");
        let cadence = cadence(f);
        let tax_free_amount = TaxFree::of(f, amount).unwrap_or(0);
        let start_date = f.optional("startDate");
        let charge_now = f.optional("chargeNow").unwrap_or(false);
        check_trial(f, charge_now);
        check_limit(f);
        Some(Self {
            start_date,
            charge_now,
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
            amount: amount?,
            product_name: product_name?,
            cycle_day: cadence?.anchor,
            interval: cadence?.interval,
            interval_count: cadence?.count,
        })
    }
}

impl SubscribeRequest {
    /// The billing dates it asks for.
    pub(crate) fn cadence(&self) -> Cadence {
        Cadence { interval: self.interval, count: self.interval_count, anchor: self.cycle_day }
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
