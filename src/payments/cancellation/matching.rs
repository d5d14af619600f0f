//! Which refund of ours a notification of a cancellation tells of. Pure.
//!
//! Its clock is the gateway's, and CANCELDATE need not be the second that our own call was answered
//! with (protocol section 4). So a refund of that amount that was made about then is the one told of,
//! else the nearest, when it is near enough; only then was the cancellation made elsewhere. Nothing
//! unknown is settled by a word that may be about another: each refund that was made has its own.

use chrono::{DateTime, Duration, SubsecRound, Utc};

use crate::payments::store::RefundState;

/// Between our asking for a refund and the gateway's making it, at most.
pub(super) const LONGEST_CALL: Duration = Duration::minutes(10);
/// A notification is sent again ten times, every three minutes or somewhat more (protocol section 4).
const LAST_RESEND: Duration = Duration::minutes(40);
/// How far two clocks may be apart.
pub(super) const SKEW: Duration = Duration::minutes(1);

/// A refund of ours that no notification has told of yet.
#[derive(Debug, sqlx::FromRow)]
pub(super) struct Candidate {
    pub amount: i64,
    pub state: RefundState,
    pub created_at: DateTime<Utc>,
    pub refunded_at: Option<DateTime<Utc>>,
    /// Settled by hand: its time is a guess.
    pub by_hand: bool,
}

/// What a notification says.
pub(super) struct Told {
    /// Won.
    pub amount: i64,
    /// CANCELDATE.
    pub occurred_at: Option<DateTime<Utc>>,
    /// When it came, the first time.
    pub arrived_at: DateTime<Utc>,
}

impl Candidate {
    /// How well the notification fits this refund, the least best; `None` when it does not. A refund
    /// that was made then, or is under way, is better than one of which nobody will know by itself
    /// whether it was made; so is without a date one that was made recently.
    pub(super) fn rank(&self, told: &Told) -> Option<(i64, i64)> {
        if self.amount != told.amount {
            return None;
        }
        let certainty = match self.state {
            RefundState::Refunded if self.by_hand => return Some((i64::MAX, 0)),
            RefundState::Refunded => 0,
            RefundState::Sending => 1,
            RefundState::Unknown => 2,
            RefundState::Declined => return None,
        };
        match told.occurred_at {
            Some(at) => {
                let distance = (at - self.at()).abs();
                if certainty < 2 && distance <= SKEW {
                    return Some((certainty - 2, distance.num_seconds()));
                }
                (distance <= LONGEST_CALL).then(|| (distance.num_seconds(), certainty))
            }
            None => self
                .may_arrive_at(told.arrived_at)
                .then(|| (certainty, (told.arrived_at - self.at()).abs().num_seconds())),
        }
    }

    /// Whether a further copy of a notification that told of another refund may tell of this one:
    /// made in the very same second, or, without a date, told within the re-sends.
    pub(super) fn equals(&self, told: &Told, now: DateTime<Utc>) -> bool {
        let same_amount = self.amount == told.amount && self.state != RefundState::Declined;
        let in_time = match (told.occurred_at, self.state) {
            (Some(at), RefundState::Refunded) => self.at() == at,
            (Some(at), _) => (-SKEW..=LONGEST_CALL).contains(&(at - self.at())),
            (None, _) => self.may_arrive_at(now),
        };
        same_amount && in_time
    }

    fn may_arrive_at(&self, arrival: DateTime<Utc>) -> bool {
        (-SKEW..=LAST_RESEND).contains(&(arrival - self.at()))
    }

    /// When it was made, to the second, or was asked for.
    fn at(&self) -> DateTime<Utc> {
        self.refunded_at.unwrap_or(self.created_at).trunc_subsecs(0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(secs: i64) -> DateTime<Utc> {
        DateTime::UNIX_EPOCH + Duration::seconds(secs)
    }

    fn refund(state: RefundState, secs: i64) -> Candidate {
        let refunded_at = (state == RefundState::Refunded).then(|| at(secs));
        Candidate { amount: 1000, state, created_at: at(secs), refunded_at, by_hand: false }
    }

    fn told(occurred_at: Option<i64>, arrived_at: i64) -> Told {
        Told { amount: 1000, occurred_at: occurred_at.map(at), arrived_at: at(arrived_at) }
    }

    /// The index of the refund that is told of.
    fn best(refunds: &[Candidate], told: &Told) -> Option<usize> {
        let ranked = refunds.iter().enumerate().filter_map(|(n, r)| Some((r.rank(told)?, n)));
        ranked.min().map(|(_, n)| n)
    }

    #[test]
    fn the_nearest_is_told_of_and_only_within_the_longest_call() {
        use RefundState::{Declined, Refunded, Sending, Unknown};
        let refunds = [refund(Refunded, 0), refund(Unknown, 120), refund(Sending, 300)];
        for (secs, expected) in [
            (-40, Some(0)),
            (1, Some(0)),
            (40, Some(0)),
            (119, Some(1)),
            (290, Some(2)),
            (900, Some(2)),
            (901, None),
        ] {
            assert_eq!(best(&refunds, &told(Some(secs), 5000)), expected, "{secs}");
        }
        assert_eq!(best(&[refund(Declined, 0)], &told(Some(0), 0)), None);
        assert_eq!(best(&refunds, &Told { amount: 999, ..told(Some(0), 0) }), None);
        // In one second, or with clocks that differ, what is certain comes first.
        let same = [refund(Unknown, 0), refund(Refunded, 0)];
        assert_eq!(best(&same, &told(Some(0), 0)), Some(1));
        let soon_after = [refund(Unknown, 0), refund(Refunded, 1)];
        assert_eq!(best(&soon_after, &told(Some(-39), 5)), Some(1));
        assert_eq!(best(&soon_after, &told(Some(-60), 5)), Some(0));
        let under_way = [refund(Unknown, 0), refund(Sending, 1)];
        assert_eq!(best(&under_way, &told(Some(-39), 5)), Some(1));
        let both = [refund(Refunded, 20), refund(Refunded, 1)];
        assert_eq!(best(&both, &told(Some(19), 30)), Some(0));
        let by_hand = [Candidate { by_hand: true, ..refund(Refunded, 0) }, refund(Unknown, 50)];
        assert_eq!(best(&by_hand, &told(Some(0), 0)), Some(1));
        assert_eq!(best(&by_hand[..1], &told(Some(99_999), 0)), Some(0));
    }

    #[test]
    fn without_a_date_the_arrival_tells_and_nothing_uncertain_comes_before_what_is_certain() {
        use RefundState::{Refunded, Unknown};
        let refunds = [refund(Unknown, 600), refund(Refunded, 0)];
        for (arrival, expected) in [
            (601, Some(1)),
            (2400, Some(1)),
            (2401, Some(0)),
            (3000, Some(0)),
            (3001, None),
            (-61, None),
        ] {
            assert_eq!(best(&refunds, &told(None, arrival)), expected, "{arrival}");
        }
    }
}
