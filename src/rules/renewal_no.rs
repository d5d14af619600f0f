//! Order numbers of a subscription's charges: made of what they are for, so that one is one more
//! thing that cannot exist twice, and tells by itself what it paid.

use std::fmt;

use chrono::NaiveDate;
use uuid::Uuid;

use crate::rules::ids::SubscriptionId;

/// `SUB`, the subscription's id in 32 digits, the first day of the period, which attempt.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RenewalNo {
    /// The subscription.
    pub subscription: SubscriptionId,
    /// First day of the period.
    pub period_start: NaiveDate,
    /// 1 for the first attempt of the period.
    pub attempt: usize,
}

impl RenewalNo {
    /// `None` when the text is not exactly what such a number is written as.
    pub fn parse(text: &str) -> Option<Self> {
        let mut parts = text.strip_prefix("SUB")?.split('-');
        let (id, day, attempt) = (parts.next()?, parts.next()?, parts.next()?);
        let number = Self {
            subscription: SubscriptionId(Uuid::try_parse(id).ok()?),
            period_start: NaiveDate::parse_from_str(day, "%Y%m%d").ok()?,
            attempt: attempt.parse().ok()?,
        };
        (number.attempt > 0 && number.to_string() == text).then_some(number)
    }
}

impl fmt::Display for RenewalNo {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (id, day) = (self.subscription.0.simple(), self.period_start.format("%Y%m%d"));
        write!(f, "SUB{id}-{day}-{}", self.attempt)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_number_tells_what_it_paid_and_no_other_text_does() {
        let text = "SUB01a210f67c5a7d0fa1b2c3d4e5f60718-20261215-2";
        let number = RenewalNo::parse(text).unwrap();
        assert_eq!(number.period_start.to_string(), "2026-12-15");
        assert_eq!((number.attempt, number.to_string()), (2, text.to_owned()));
        for other in [
            "",
            "SUB",
            "ORD01a210f67c5a7d0fa1b2c3d4e5f60718-20261215-2",
            "SUB01A210F67C5A7D0FA1B2C3D4E5F60718-20261215-2",
            "SUB01a210f6-7c5a-7d0f-a1b2-c3d4e5f60718-20261215-2",
            "SUB01a210f67c5a7d0fa1b2c3d4e5f60718-20261315-2",
            "SUB01a210f67c5a7d0fa1b2c3d4e5f60718-2026121-2",
            "SUB01a210f67c5a7d0fa1b2c3d4e5f60718-20261215-0",
            "SUB01a210f67c5a7d0fa1b2c3d4e5f60718-20261215-02",
            "SUB01a210f67c5a7d0fa1b2c3d4e5f60718-20261215-2-1",
            "SUB01a210f67c5a7d0fa1b2c3d4e5f60718-20261215",
        ] {
            assert_eq!(RenewalNo::parse(other), None, "{other}");
        }
    }
}
