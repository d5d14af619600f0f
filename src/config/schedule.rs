//! When subscriptions are charged.

use std::time::Duration;

use super::read::Reader;
use crate::rules::schedule::Rules;

/// When subscriptions are charged.
#[derive(Clone, Debug)]
pub struct ScheduleConfig {
    /// `SCHEDULER_ENABLED`.
    pub enabled: bool,
    /// `SCHEDULER_INTERVAL_SECS`.
    pub interval: Duration,
    /// `CHARGE_HOUR`, `RETRY_DAYS`, `KIWOOM_MIN_AMOUNT` and `PRICE_RISE_FALLBACK`.
    pub rules: Rules,
    /// `RENEWAL_NOTICE_DAYS`: days before a renewal on which an event announces it; 0 = never.
    pub renewal_notice_days: i64,
}

impl ScheduleConfig {
    pub(super) fn read(r: &mut Reader) -> Self {
        Self {
            enabled: r.switch("SCHEDULER_ENABLED", true),
            interval: Duration::from_secs(r.number("SCHEDULER_INTERVAL_SECS", 1..=3600, 30)),
            rules: Rules {
                charge_hour: r.number("CHARGE_HOUR", 0..=23, 10),
                retry_days: r.retry_days(),
                minimum: r.number("KIWOOM_MIN_AMOUNT", 1..=1_000_000, 1),
                end_without_consent: end_without_consent(r),
            },
            renewal_notice_days: r.number("RENEWAL_NOTICE_DAYS", 0..=60, 7),
        }
    }
}

fn end_without_consent(r: &mut Reader) -> bool {
    const NAME: &str = "PRICE_RISE_FALLBACK";
    match r.text(NAME).as_deref() {
        None | Some("keep_price") => false,
        Some("end") => true,
        Some(_) => r.wrong(NAME, "keep_price or end").unwrap_or(false),
    }
}
