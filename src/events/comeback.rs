//! Whether a receiver that was away is back.

use std::time::Duration;

use tokio::time::Instant;

/// A receiver that took nothing for so long was away; one that fails now and then was not.
const AWAY: Duration = Duration::from_mins(1);

/// What this process knows of the receiver. A new one knows nothing: what waits may have failed in
/// another one.
pub struct Comeback {
    last_taken: Option<Instant>,
    has_failed: bool,
}

impl Default for Comeback {
    fn default() -> Self {
        Self { last_taken: None, has_failed: true }
    }
}

impl Comeback {
    /// A try that counts was in vain. Those that do not count say nothing new: or an event that always
    /// fails would be tried with every success.
    pub fn failed(&mut self) {
        self.has_failed = true;
    }

    /// A try succeeded; whether the receiver was away before.
    pub fn taken(&mut self, now: Instant) -> bool {
        let was_away = self.last_taken.is_none_or(|last| now.duration_since(last) >= AWAY);
        let is_back = was_away && self.has_failed;
        if is_back {
            self.has_failed = false;
        }
        self.last_taken = Some(now);
        is_back
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_back_after_a_minute_without_success_in_which_tries_failed() {
        let start = Instant::now();
        let after = |secs| start + Duration::from_secs(secs);
        let mut receiver = Comeback::default();
        assert!(receiver.taken(start), "of the time before nothing is known");
        assert!(!receiver.taken(after(100)), "nothing has failed");
        receiver.failed();
        assert!(!receiver.taken(after(159)), "it was not away for a minute");
        assert!(receiver.taken(after(219)));
        assert!(!receiver.taken(after(300)), "it is told of once");
    }
}
