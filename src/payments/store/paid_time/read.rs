//! Reads rows with their paid time in one statement: nothing is seen half changed.

use chrono::NaiveDate;
use kiwoom_paid_time::{
    Change, Charge, Consent, FirstPeriod, Interval, Money, Phase, Proration, Rate, Segment, Start,
    Subscription, Terms, Undo,
};
use serde::Deserialize;
use sqlx::postgres::PgConnection;
use sqlx::types::Json;
use uuid::Uuid;

use super::row::Row;
use super::tables::{ChargeRow, PhaseRow, SegmentRow};
use super::{Loaded, derived, legacy, text};
use crate::payments::store::columns::subscription_columns;
use crate::rules::ids::SubscriptionId;
use crate::rules::schedule::Rules;

/// The columns that only the paid time is made of, and the rows of its tables.
#[derive(sqlx::FromRow)]
struct Stored {
    #[sqlx(flatten)]
    row: Row,
    begins: String,
    starts_on: NaiveDate,
    first_period: Option<String>,
    trial_days: Option<i16>,
    proration: String,
    total_cycles: Option<i16>,
    credit_tax_free: i64,
    carried_tax_free: i64,
    kept: Json<Vec<Segment>>,
    undo: Option<Json<Undo>>,
    next_segment: i32,
    next_charge: i32,
    phases: Json<Vec<PhaseRow>>,
    segments: Json<Vec<SegmentRow>>,
    charges: Json<Vec<ChargeRow>>,
    consent: Option<Json<Given>>,
}

/// A row of `price_consents`.
#[derive(Deserialize)]
struct Given {
    day: NaiveDate,
    effective_date: NaiveDate,
    new_amount: i64,
    new_tax_free_amount: Option<i64>,
    billing_interval: Option<Interval>,
    interval_count: Option<u32>,
}

/// SQL: the rows of `from`, with what is stored beside them.
macro_rules! stored {
    ($from:literal) => {
        concat!("select ", subscription_columns!(), stored!(), $from)
    };
    () => {
    ", begins, starts_on, first_period, trial_days, proration, total_cycles, credit_tax_free,
        carried_tax_free, kept, undo, next_segment, next_charge,
        (select coalesce(jsonb_agg(to_jsonb(t) order by t.position), '[]')
            from subscription_phases t where t.subscription_id = subscriptions.id) as phases,
        (select coalesce(jsonb_agg(to_jsonb(t) order by t.starts_on), '[]')
            from subscription_segments t where t.subscription_id = subscriptions.id) as segments,
        (select coalesce(jsonb_agg(to_jsonb(t) || coalesce(to_jsonb(back), '{}')
                order by t.number), '[]')
            from subscription_charges t
            left join (
                select charge_no, sum(refunded_amount + refunding_amount) as refunded,
                    sum((select coalesce(sum(r.tax_free_amount), 0) from refunds r
                        where r.payment_id = p.id and r.state <> 'declined')) as refunded_tax_free
                from payments p
                where p.subscription_id = subscriptions.id and p.kind = 'subscription'
                    and p.state = 'approved' and p.refunded_amount + p.refunding_amount > 0
                group by charge_no) back on back.charge_no = t.number
            where t.subscription_id = subscriptions.id) as charges,
        (select jsonb_build_object(
                'day', (c.consented_at at time zone 'Asia/Seoul')::date,
                'effective_date', c.effective_date, 'new_amount', c.new_amount,
                'new_tax_free_amount', c.new_tax_free_amount,
                'billing_interval', c.billing_interval, 'interval_count', c.interval_count)
            from price_consents c where c.id = subscriptions.consent_id) as consent
    from "
    };
}

pub(super) async fn all(
    db: &mut PgConnection,
    ids: &[SubscriptionId],
    rules: &Rules,
) -> sqlx::Result<Vec<Loaded>> {
    let ids: Vec<Uuid> = ids.iter().map(|id| id.0).collect();
    let sql = stored!(
        "unnest($1::uuid[]) with ordinality as wanted (id_wanted, place)
         join subscriptions on id = id_wanted order by place"
    );
    let stored: Vec<Stored> = sqlx::query_as(sql).bind(ids).fetch_all(db).await?;
    stored.into_iter().map(|stored| loaded(stored, rules)).collect()
}

/// A statement of its own: with a list of unknown length PostgreSQL would plan each time, which costs
/// more than the rest.
pub(super) async fn one(
    db: &mut PgConnection,
    id: SubscriptionId,
    rules: &Rules,
) -> sqlx::Result<Option<Loaded>> {
    let query = sqlx::query_as(stored!("subscriptions where id = $1")).bind(id);
    let stored: Option<Stored> = query.fetch_optional(db).await?;
    stored.map(|stored| loaded(stored, rules)).transpose()
}

fn loaded(stored: Stored, rules: &Rules) -> sqlx::Result<Loaded> {
    let row = stored.row;
    let first_period = stored.first_period.as_deref();
    let start = start(&stored.begins, stored.starts_on, first_period, stored.trial_days)?;
    let cadence = row.cadence();
    let phases = stored.phases.0.into_iter().map(Phase::from).collect();
    let price = row.pending_amount.zip(row.pending_tax_free_amount);
    let pending = Change {
        price: price.map(|(won, tax_free)| Money { won: won.get(), tax_free }),
        cadence: row.pending_cadence(),
    };
    let proration: Proration =
        text::parse(&stored.proration).ok_or_else(|| undecodable("proration"))?;
    let terms = Terms { cadence, phases };
    let mut paid = Subscription::new(terms, start, proration, rules.minimum);
    paid.end_without_consent = rules.end_without_consent;
    paid.pending = Some(pending).filter(|change| !change.is_none());
    paid.total_cycles = stored.total_cycles.map(|total| total.unsigned_abs().into());
    paid.cancel_at_period_end = row.cancel_at_period_end;
    paid.pause_at_period_end = row.pause_at_period_end;
    paid.resume_on = row.resume_on;
    paid.canceled_on = row.canceled_on;
    paid.undo = stored.undo.map(|undo| undo.0);
    paid.credit = Money { won: row.credit, tax_free: stored.credit_tax_free };
    paid.carried = Money { won: row.carried, tax_free: stored.carried_tax_free };
    paid.segments = stored.segments.0.into_iter().map(Segment::from).collect();
    paid.kept = stored.kept.0;
    paid.charges = stored.charges.0.into_iter().map(Charge::from).collect();
    paid.next_segment = stored.next_segment.unsigned_abs();
    paid.next_charge = stored.next_charge.unsigned_abs();
    paid.status = derived::paid_status(row.status, &paid);
    paid.consent = stored.consent.and_then(|given| consent(&given.0, &paid));
    paid.end_date = match row.end_date {
        Some(end) if row.legacy_end => Some(legacy::end_date(&paid, end)),
        end => end,
    };
    Ok(Loaded { row, stored: Box::new(paid.clone()), paid })
}

fn start(
    begins: &str,
    day: NaiveDate,
    first_period: Option<&str>,
    trial_days: Option<i16>,
) -> sqlx::Result<Start> {
    match begins {
        "anchor" => Ok(Start::OnAnchor(day)),
        "now" => {
            let first: Option<FirstPeriod> = first_period.and_then(text::parse);
            first.map(|first| Start::Now(day, first)).ok_or_else(|| undecodable("first_period"))
        }
        "trial" => {
            let days = trial_days.ok_or_else(|| undecodable("trial_days"))?;
            Ok(Start::Trial(day, days.unsigned_abs().into()))
        }
        _ => Err(undecodable("begins")),
    }
}

/// The consent as the model has it. One from before paid time names no interval, and may be to more
/// than is asked for: it is to the rise that is to come.
fn consent(given: &Given, paid: &Subscription) -> Option<Consent> {
    let rate = match given.billing_interval.zip(given.interval_count) {
        Some((interval, count)) => {
            let price =
                Money { won: given.new_amount, tax_free: given.new_tax_free_amount.unwrap_or(0) };
            let cadence = kiwoom_paid_time::Cadence { interval, count, anchor: 1 };
            Rate { price, twelfths: cadence.twelfths_of_days() }
        }
        None => paid.rise()?.1,
    };
    Some(Consent { given: given.day, rise_on: given.effective_date, rate })
}

fn undecodable(column: &str) -> sqlx::Error {
    sqlx::Error::ColumnDecode { index: column.to_owned(), source: "not a value of it".into() }
}
