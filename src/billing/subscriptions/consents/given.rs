//! A consent as a request brings it, and the record that comes of it when it holds.

use chrono::{DateTime, Duration, NaiveDate, Utc};
use kiwoom_paid_time::{CONSENT_DAYS, Cadence, Money, Refused};
use serde_json::Value;
use sqlx::postgres::PgConnection;
use utoipa::ToSchema;

use super::{Consent, consent_columns};
use crate::billing::subscriptions::refusals::in_the_future;
use crate::context::Context;
use crate::http::description::{self, described};
use crate::http::error::ApiError;
use crate::http::extract::{Fields, FromField, FromFields, text};
use crate::http::fields::schedule::interval_name;
use crate::payments::store::paid_time::Loaded;
use crate::redact::cards::without_card;
use crate::rules::ids::{ConsentId, SubscriptionId};
use crate::rules::text::Text;
use kiwoom_clock::kst;

/// How and when the customer consented.
#[derive(ToSchema)]
#[schema(rename_all = "camelCase")]
#[serde(deny_unknown_fields)]
pub struct Given {
    /// How, at most 50 characters: `checkbox`, `phone`.
    pub(super) method: Method,
    /// What proves it, at most 1000 characters.
    pub(super) evidence: Option<Evidence>,
    /// Left out: now.
    #[schema(value_type = Option<String>, format = DateTime)]
    pub(super) consented_at: Option<DateTime<Utc>>,
}

pub(super) struct Method(String);

described!(Method as "ConsentMethod", description::text(50).examples(["checkbox"]));
described!(Evidence, description::text(1000));

impl FromField for Method {
    fn from_field(value: &Value) -> Result<Self, Text> {
        text(value, 50).and_then(without_card).map(Self)
    }
}

pub(super) struct Evidence(String);

impl FromField for Evidence {
    fn from_field(value: &Value) -> Result<Self, Text> {
        text(value, 1000).and_then(without_card).map(Self)
    }
}

impl FromFields for Given {
    fn from_fields(f: &mut Fields) -> Option<Self> {
        let method = f.required("method");
        let evidence = f.optional("evidence");
        Some(Self { evidence, consented_at: f.optional("consentedAt"), method: method? })
    }
}

/// A consent that holds, to be inserted after its subscription.
pub struct NewConsent {
    id: ConsentId,
    subscription: SubscriptionId,
    /// Won before the rise.
    old: i64,
    new: Money,
    cadence: Cadence,
    rise_on: NaiveDate,
    given: Given,
    at: DateTime<Utc>,
    now: DateTime<Utc>,
}

/// Gives the consent to the next rise, in the request's `field`. The caller saves `s` and then inserts
/// the consent.
pub fn give(
    ctx: &Context,
    s: &mut Loaded,
    given: Given,
    field: &str,
) -> Result<NewConsent, ApiError> {
    let now = ctx.clock.now();
    let at = consented_at(&given, field, now)?;
    let (rise_on, old, new) = s.paid.rise_from().ok_or_else(not_awaited)?;
    s.paid.give_consent(kst(at).date_naive()).map_err(|refused| match refused {
        Refused::ConsentFrom(first) => too_early(field, first),
        _ => not_awaited(),
    })?;
    let id = ConsentId::new();
    s.row.consent_id = Some(id);
    Ok(NewConsent {
        id,
        subscription: s.row.id,
        old: old.price.won,
        new: new.price,
        cadence: s.paid.terms.with(s.paid.pending).cadence,
        rise_on,
        given,
        at,
        now,
    })
}

/// The consent to a rise that is made on `today`, to `new` won every `cadence`. `s` is the subscription
/// before it.
pub fn give_now(
    ctx: &Context,
    s: &Loaded,
    given: Given,
    (new, cadence, today): (Money, Cadence, NaiveDate),
) -> Result<NewConsent, ApiError> {
    let now = ctx.clock.now();
    let at = consented_at(&given, "consent.consentedAt", now)?;
    let first = today - Duration::days(CONSENT_DAYS);
    if kst(at).date_naive() < first {
        return Err(too_early("consent.consentedAt", first));
    }
    Ok(NewConsent {
        id: ConsentId::new(),
        subscription: s.row.id,
        old: s.paid.on(today).map_or(0, |segment| segment.rate.price.won),
        new,
        cadence,
        rise_on: today,
        given,
        at,
        now,
    })
}

impl NewConsent {
    /// Writes it.
    pub async fn insert(self, db: &mut PgConnection) -> sqlx::Result<Consent> {
        let query = sqlx::query_as(concat!(
            "insert into price_consents (id, subscription_id, old_amount, new_amount,
                new_tax_free_amount, billing_interval, interval_count, effective_date, consented_at,
                method, evidence, created_at)
             values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12) returning ",
            consent_columns!()
        ));
        let count = i16::try_from(self.cadence.count).unwrap_or(i16::MAX);
        let query = query.bind(self.id).bind(self.subscription).bind(self.old);
        let query = query.bind(self.new.won).bind(self.new.tax_free);
        let query = query.bind(interval_name(self.cadence.interval)).bind(count);
        let query = query.bind(self.rise_on).bind(self.at);
        let query = query.bind(self.given.method.0).bind(self.given.evidence.map(|e| e.0));
        query.bind(self.now).fetch_one(db).await
    }
}

fn consented_at(given: &Given, field: &str, now: DateTime<Utc>) -> Result<DateTime<Utc>, ApiError> {
    let at = given.consented_at.unwrap_or(now);
    if at > now {
        return Err(ApiError::invalid_field(field, in_the_future()));
    }
    Ok(at)
}

/// A consent would be older than 30 days on the day of the rise.
fn too_early(field: &str, first: NaiveDate) -> ApiError {
    let ko = format!("인상일 전 30일 안의 동의여야 합니다. {first}부터 동의할 수 있습니다.");
    let en = format!("Has to be within the 30 days before the rise: from {first} on.");
    ApiError::invalid_field(field, Text::new(ko, en))
}

/// A consent came with a request after which nothing waits for one.
pub fn not_awaited() -> ApiError {
    let ko = "예정된 가격 인상이나 유료 전환이 있을 때만 사용할 수 있습니다.";
    let reason = Text::new(ko, "Only while a price rise or a first charge is to come.");
    ApiError::invalid_field("consent", reason)
}
