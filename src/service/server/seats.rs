//! How many connections there may be, and which one goes when there are more: of those without a
//! request under way, first the oldest that never sent a whole request, then the one idle longest.

use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio_util::sync::CancellationToken;

/// All connections.
pub(super) struct Seats {
    capacity: usize,
    guests: Mutex<Guests>,
}

#[derive(Default)]
struct Guests {
    by_id: HashMap<u64, Guest>,
    /// Counts what happens: a larger number is later.
    last: u64,
}

struct Guest {
    requests: usize,
    served: bool,
    idle_since: u64,
    leave: CancellationToken,
}

/// The place of one connection, given up when it is dropped.
pub(super) struct Seat {
    seats: Arc<Seats>,
    id: u64,
    served: AtomicBool,
    leave: CancellationToken,
}

/// A request under way on a connection.
pub(super) struct Serving(Arc<Seat>);

impl Seats {
    pub(super) fn new(capacity: usize) -> Arc<Self> {
        Arc::new(Self { capacity, guests: Mutex::default() })
    }

    /// A place for a new connection. When all are taken another one has to leave for it; `None`
    /// when every connection has a request under way.
    pub(super) fn take(self: &Arc<Self>) -> Option<Arc<Seat>> {
        let mut guests = self.lock();
        if guests.by_id.len() >= self.capacity {
            guests.send_one_away()?;
        }
        let id = guests.next();
        let leave = CancellationToken::new();
        let guest = Guest { requests: 0, served: false, idle_since: id, leave: leave.clone() };
        guests.by_id.insert(id, guest);
        Some(Arc::new(Seat { seats: self.clone(), id, served: AtomicBool::new(false), leave }))
    }

    fn lock(&self) -> MutexGuard<'_, Guests> {
        self.guests.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Guests {
    fn next(&mut self) -> u64 {
        self.last += 1;
        self.last
    }

    fn send_one_away(&mut self) -> Option<()> {
        let idle = self.by_id.iter().filter(|(_, guest)| guest.requests == 0);
        let (&id, _) = idle.min_by_key(|(_, guest)| (guest.served, guest.idle_since))?;
        self.by_id.remove(&id)?.leave.cancel();
        Some(())
    }
}

impl Seat {
    /// A whole request head has come. Until the guard is dropped nobody sends the connection away.
    pub(super) fn serve(self: &Arc<Self>) -> Serving {
        self.served.store(true, Ordering::SeqCst);
        if let Some(guest) = self.seats.lock().by_id.get_mut(&self.id) {
            guest.requests += 1;
            guest.served = true;
        }
        Serving(self.clone())
    }

    /// Whether it ever sent a whole request head.
    pub(super) fn has_served(&self) -> bool {
        self.served.load(Ordering::SeqCst)
    }

    /// Until another connection needs the place.
    pub(super) async fn sent_away(&self) {
        self.leave.cancelled().await;
    }
}

impl Drop for Serving {
    fn drop(&mut self) {
        let mut guests = self.0.seats.lock();
        let now = guests.next();
        if let Some(guest) = guests.by_id.get_mut(&self.0.id) {
            guest.requests -= 1;
            guest.idle_since = now;
        }
    }
}

impl Drop for Seat {
    fn drop(&mut self) {
        self.seats.lock().by_id.remove(&self.id);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sent_away(seats: &[&Arc<Seat>]) -> Vec<bool> {
        seats.iter().map(|seat| seat.leave.is_cancelled()).collect()
    }

    #[test]
    fn who_never_asked_goes_before_who_is_idle_and_nobody_in_the_middle_of_a_request() {
        let seats = Seats::new(4);
        let take = || seats.take().expect("a place");
        let (idle, silent, busy, later) = (take(), take(), take(), take());
        drop(idle.serve());
        let request = busy.serve();
        let fifth = take();
        assert_eq!(sent_away(&[&idle, &silent, &busy, &later]), [false, true, false, false]);
        let sixth = take();
        assert_eq!(sent_away(&[&idle, &busy, &later]), [false, false, true]);
        let _serving = (sixth.serve(), fifth.serve());
        let seventh = take();
        assert_eq!(sent_away(&[&idle, &busy, &sixth]), [true, false, false]);
        let _asking = seventh.serve();
        assert!(seats.take().is_none(), "all are in the middle of a request");
        drop(request);
        let _eighth = take();
        assert_eq!(sent_away(&[&busy, &seventh]), [true, false]);
    }

    #[test]
    fn a_connection_that_ends_makes_room() {
        let seats = Seats::new(1);
        let first = seats.take().expect("a place");
        let request = first.serve();
        assert!(seats.take().is_none());
        drop(first);
        assert!(seats.take().is_none(), "its request still runs");
        drop(request);
        assert!(seats.take().is_some());
    }
}
