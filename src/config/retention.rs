//! How long what is not needed for ever is kept.

use super::read::Reader;

/// What tells of payments is kept for five years (전자상거래법 시행령 제6조 제1항).
const LAW_DAYS: i64 = 1_827;

/// Days for which each is kept; `None` = for ever.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Retention {
    /// `RETENTION_ANSWERS_DAYS`: what was answered to an Idempotency-Key. The key stays used.
    pub answers: Option<i64>,
    /// `RETENTION_DELIVERIES_DAYS`: the log of deliveries.
    pub deliveries: Option<i64>,
    /// `RETENTION_EVENTS_DAYS`: events, and with them the audit trail.
    pub events: Option<i64>,
    /// `RETENTION_NOTIFICATIONS_DAYS`: the text of KiwoomPay's notifications.
    pub notifications: Option<i64>,
    /// `RETENTION_NAMES_DAYS`: names and e-mail addresses of payments.
    pub names: Option<i64>,
}

impl Retention {
    pub(super) fn read(r: &mut Reader, production: bool) -> Self {
        let law = if production { LAW_DAYS } else { 90 };
        Self {
            answers: days(r, "RETENTION_ANSWERS_DAYS", 1, 90),
            deliveries: days(r, "RETENTION_DELIVERIES_DAYS", 30, 365),
            events: days(r, "RETENTION_EVENTS_DAYS", law, LAW_DAYS),
            notifications: days(r, "RETENTION_NOTIFICATIONS_DAYS", law, LAW_DAYS),
            names: days(r, "RETENTION_NAMES_DAYS", law, LAW_DAYS),
        }
    }
}

fn days(r: &mut Reader, name: &'static str, least: i64, default: i64) -> Option<i64> {
    const MOST: i64 = 36_500;
    let accepted = format!("0 (for ever) or a whole number from {least} to {MOST}");
    let days = r.parsed(name, &accepted, default);
    if days != 0 && !(least..=MOST).contains(&days) {
        return r.wrong(name, &accepted);
    }
    Some(days).filter(|days| *days != 0)
}
