//! What is measured when it is asked for.

use chrono::{DateTime, Utc};

use crate::context::Context;
use crate::service::figures::Reading;
use crate::storage::failover_guard::Charging;

/// Sets the gauges of this process, and those of the database as they were read; without a reading
/// they stay as they were.
pub fn show(ctx: &Context, reading: Option<&Reading>) {
    metrics::gauge!("kiwoom_billing_database_up").set(if reading.is_some() { 1.0 } else { 0.0 });
    let proxies = i64::try_from(ctx.forwarding.passing_on()).unwrap_or(i64::MAX);
    metrics::gauge!("kiwoom_billing_disbelieved_proxies").set(float(proxies));
    for (name, pool) in [("payments", &ctx.pool), ("lists", &ctx.reading)] {
        let idle = i64::try_from(pool.num_idle()).unwrap_or(i64::MAX);
        let used = i64::from(pool.size()).saturating_sub(idle);
        metrics::gauge!("kiwoom_billing_database_connections", "pool" => name, "state" => "idle")
            .set(float(idle));
        metrics::gauge!("kiwoom_billing_database_connections", "pool" => name, "state" => "used")
            .set(float(used));
    }
    if let Some(reading) = reading {
        of_database(ctx, reading);
    }
}

fn of_database(ctx: &Context, reading: &Reading) {
    let Reading { unknown, due, deliveries, .. } = reading;
    let (real, charged) = (ctx.clock.host_now(), ctx.clock.now());
    metrics::gauge!("kiwoom_billing_unknown_outcomes").set(float(unknown.count));
    metrics::gauge!("kiwoom_billing_unknown_won").set(float(unknown.amount));
    metrics::gauge!("kiwoom_billing_unknown_oldest_seconds").set(age(real, unknown.oldest));
    let settings = i64::try_from(reading.merchant_settings.len()).unwrap_or(i64::MAX);
    metrics::gauge!("kiwoom_billing_merchant_settings_to_mend").set(float(settings));
    let is_paused = matches!(reading.charging, Some(Charging::Paused(_)));
    metrics::gauge!("kiwoom_billing_scheduled_charging_paused").set(f64::from(u8::from(is_paused)));
    metrics::gauge!("kiwoom_billing_due_subscriptions").set(float(due.count));
    metrics::gauge!("kiwoom_billing_due_oldest_seconds").set(age(charged, due.oldest));
    metrics::gauge!("kiwoom_billing_deliveries_waiting").set(float(deliveries.waiting));
    metrics::gauge!("kiwoom_billing_deliveries_oldest_seconds")
        .set(age(charged, deliveries.oldest));
    metrics::gauge!("kiwoom_billing_deliveries_given_up").set(float(deliveries.given_up));
    metrics::gauge!("kiwoom_billing_events_unpublished").set(float(deliveries.unpublished));
}

/// Says which program this is, once.
pub fn say_what_runs(ctx: &Context) {
    let gateway = ctx.config.kiwoom.gateway.name();
    let environment = if ctx.config.is_production() { "production" } else { "development" };
    let version = env!("CARGO_PKG_VERSION");
    metrics::gauge!("kiwoom_billing_build_info", "version" => version, "gateway" => gateway,
        "environment" => environment)
    .set(1.0);
}

/// Seconds; 0 when there is none.
fn age(now: DateTime<Utc>, since: Option<DateTime<Utc>>) -> f64 {
    since.map_or(0.0, |since| (now - since).as_seconds_f64().max(0.0))
}

#[expect(clippy::cast_precision_loss, reason = "exact up to 2^53")]
fn float(number: i64) -> f64 {
    number as f64
}
