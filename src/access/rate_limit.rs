//! So much in a time, for each of many: a bucket that lets a burst through and fills up evenly.
//!
//! Of ten an hour, ten may come at once; then there is one more every six minutes. Ready-made
//! limiters cannot be asked without taking, and remember everybody who ever came. This one is asked
//! first and told later, and remembers a bounded number. It is of one process: others have their own.

use std::borrow::Borrow;
use std::collections::HashMap;
use std::hash::Hash;
use std::time::Duration;

use tokio::time::Instant;

/// This many are told apart. All beyond them share one bucket. With the default limits it takes
/// thousands of addresses at once, or a customer's ten registrations of thousands of customers within
/// some minutes.
const MAX_KNOWN: usize = 10_000;

/// Between two looks for full buckets: each looks at all of them.
const SWEEP_PAUSE: Duration = Duration::from_secs(1);

/// See the module.
pub struct Limit<K> {
    /// From one to the next; nothing is limited when it is zero.
    interval: Duration,
    /// How far ahead of the present a bucket may be.
    burst: Duration,
    /// When each bucket is full again.
    full_at: HashMap<K, Instant>,
    others_full_at: Option<Instant>,
    swept_at: Option<Instant>,
}

impl<K: Hash + Eq> Limit<K> {
    /// `count` in `period`; 0 = no limit.
    pub fn new(count: u32, period: Duration) -> Self {
        let interval = period.checked_div(count).unwrap_or_default();
        let burst = period.saturating_sub(interval);
        Self { interval, burst, full_at: HashMap::new(), others_full_at: None, swept_at: None }
    }

    /// How long `who` has to wait; `None` when there is room now. Takes nothing.
    pub fn wait<Q>(&mut self, who: &Q, now: Instant) -> Option<Duration>
    where
        K: Borrow<Q>,
        Q: Hash + Eq + ?Sized,
    {
        let full_at = match self.full_at.get(who).copied() {
            Some(full_at) => full_at,
            None if self.has_room(now) => return None,
            None => self.others_full_at?,
        };
        let ahead = full_at.saturating_duration_since(now);
        ahead.checked_sub(self.burst).filter(|wait| !wait.is_zero())
    }

    /// Takes one for `who`.
    pub fn take(&mut self, who: K, now: Instant) {
        if self.interval.is_zero() {
            return;
        }
        let known = self.full_at.contains_key(&who) || self.has_room(now);
        let full_at = if known {
            self.full_at.entry(who).or_insert(now)
        } else {
            self.others_full_at.get_or_insert(now)
        };
        *full_at = (*full_at).max(now) + self.interval;
    }

    /// Whether one more can be told apart, after those with a full bucket were forgotten.
    fn has_room(&mut self, now: Instant) -> bool {
        let swept_lately = self.swept_at.is_some_and(|at| now < at + SWEEP_PAUSE);
        if self.full_at.len() >= MAX_KNOWN && !swept_lately {
            self.full_at.retain(|_, full_at| *full_at > now);
            self.swept_at = Some(now);
        }
        self.full_at.len() < MAX_KNOWN
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const HOUR: Duration = Duration::from_hours(1);

    fn minutes(n: u64) -> Duration {
        Duration::from_mins(n)
    }

    /// How many get through now.
    fn admitted(limit: &mut Limit<String>, who: &str, now: Instant) -> usize {
        let tries = (0..1000).take_while(|_| {
            let admitted = limit.wait(who, now).is_none();
            if admitted {
                limit.take(who.to_owned(), now);
            }
            admitted
        });
        tries.count()
    }

    #[test]
    fn a_burst_gets_through_and_then_one_each_interval() {
        let mut limit = Limit::new(10, HOUR);
        let start = Instant::now();
        assert_eq!(admitted(&mut limit, "a", start), 10);
        assert_eq!(limit.wait("a", start), Some(minutes(6)));
        assert_eq!(limit.wait("a", start + minutes(5)), Some(minutes(1)));
        assert_eq!(admitted(&mut limit, "a", start + minutes(6)), 1);
        assert_eq!(admitted(&mut limit, "a", start + minutes(6) + HOUR), 10, "no more is saved up");
        // Everybody has a bucket of their own, and asking takes nothing.
        for _ in 0..100 {
            assert_eq!(limit.wait("b", start), None);
        }
        assert_eq!(admitted(&mut limit, "b", start), 10);
    }

    #[test]
    fn zero_is_no_limit_and_remembers_nobody() {
        let mut limit = Limit::new(0, HOUR);
        assert_eq!(admitted(&mut limit, "a", Instant::now()), 1000);
        assert!(limit.full_at.is_empty());
    }

    #[test]
    fn one_an_hour_is_one() {
        let mut limit = Limit::new(1, HOUR);
        let start = Instant::now();
        assert_eq!(admitted(&mut limit, "a", start), 1);
        assert_eq!(limit.wait("a", start), Some(HOUR));
    }

    #[test]
    fn however_many_come_the_memory_is_bounded_and_the_limit_holds() {
        let mut limit = Limit::new(10, HOUR);
        let start = Instant::now();
        assert_eq!(admitted(&mut limit, "known", start), 10);
        for n in 0..100_000 {
            limit.take(format!("stranger-{n}"), start);
        }
        assert_eq!(limit.full_at.len(), MAX_KNOWN);
        assert!(limit.full_at.capacity() < 4 * MAX_KNOWN, "{}", limit.full_at.capacity());
        assert!(limit.wait("known", start).is_some(), "who was known stays known");
        assert!(
            limit.wait("stranger-1000000", start).is_some(),
            "all others share what is used up"
        );
        // Later all have room again, and are forgotten for those who come then.
        let later = start + 10 * HOUR;
        limit.take("newcomer".to_owned(), later);
        assert_eq!(limit.full_at.len(), 1);
        assert_eq!(admitted(&mut limit, "stranger-1000000", later), 10);
    }
}
