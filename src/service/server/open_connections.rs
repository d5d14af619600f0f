//! How many connections there may be, and which one is closed when there are more: of those without
//! a request under way, first the oldest that never sent a whole request, then the one idle longest.

use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio_util::sync::CancellationToken;

/// All open connections.
pub(super) struct OpenConnections {
    capacity: usize,
    table: Mutex<Table>,
}

#[derive(Default)]
struct Table {
    by_id: HashMap<u64, Entry>,
    /// Counts what happens: a larger number is later.
    last: u64,
}

struct Entry {
    requests: usize,
    served: bool,
    idle_since: u64,
    close: CancellationToken,
}

/// One open connection, until it is dropped.
pub(super) struct Connection {
    all: Arc<OpenConnections>,
    id: u64,
    served: AtomicBool,
    close: CancellationToken,
}

/// A request under way on a connection.
pub(super) struct RequestGuard(Arc<Connection>);

impl OpenConnections {
    pub(super) fn new(capacity: usize) -> Arc<Self> {
        Arc::new(Self { capacity, table: Mutex::default() })
    }

    /// Room for a new connection. When there is none, another connection is closed for it; `None`
    /// when every connection has a request under way.
    pub(super) fn open(self: &Arc<Self>) -> Option<Arc<Connection>> {
        let mut table = self.lock();
        if table.by_id.len() >= self.capacity {
            table.close_one()?;
        }
        let id = table.next();
        let close = CancellationToken::new();
        let entry = Entry { requests: 0, served: false, idle_since: id, close: close.clone() };
        table.by_id.insert(id, entry);
        let served = AtomicBool::new(false);
        Some(Arc::new(Connection { all: self.clone(), id, served, close }))
    }

    fn lock(&self) -> MutexGuard<'_, Table> {
        self.table.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Table {
    fn next(&mut self) -> u64 {
        self.last += 1;
        self.last
    }

    fn close_one(&mut self) -> Option<()> {
        let idle = self.by_id.iter().filter(|(_, entry)| entry.requests == 0);
        let (&id, _) = idle.min_by_key(|(_, entry)| (entry.served, entry.idle_since))?;
        self.by_id.remove(&id)?.close.cancel();
        Some(())
    }
}

impl Connection {
    /// The whole head of a request has come. Until the guard is dropped the connection is not closed
    /// for another one.
    pub(super) fn begin_request(self: &Arc<Self>) -> RequestGuard {
        self.served.store(true, Ordering::SeqCst);
        if let Some(entry) = self.all.lock().by_id.get_mut(&self.id) {
            entry.requests += 1;
            entry.served = true;
        }
        RequestGuard(self.clone())
    }

    /// Whether it ever sent the whole head of a request.
    pub(super) fn has_served(&self) -> bool {
        self.served.load(Ordering::SeqCst)
    }

    /// Until another connection needs its room.
    pub(super) async fn must_close(&self) {
        self.close.cancelled().await;
    }
}

impl Drop for RequestGuard {
    fn drop(&mut self) {
        let mut table = self.0.all.lock();
        let now = table.next();
        if let Some(entry) = table.by_id.get_mut(&self.0.id) {
            entry.requests -= 1;
            entry.idle_since = now;
        }
    }
}

impl Drop for Connection {
    fn drop(&mut self) {
        self.all.lock().by_id.remove(&self.id);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn must_close(connections: &[&Arc<Connection>]) -> Vec<bool> {
        connections.iter().map(|connection| connection.close.is_cancelled()).collect()
    }

    #[test]
    fn silent_connections_close_before_idle_ones_and_busy_ones_never() {
        let all = OpenConnections::new(4);
        let open = || all.open().expect("room");
        let (idle, silent, busy, later) = (open(), open(), open(), open());
        drop(idle.begin_request());
        let request = busy.begin_request();
        let fifth = open();
        assert_eq!(must_close(&[&idle, &silent, &busy, &later]), [false, true, false, false]);
        let sixth = open();
        assert_eq!(must_close(&[&idle, &busy, &later]), [false, false, true]);
        let _serving = (sixth.begin_request(), fifth.begin_request());
        let seventh = open();
        assert_eq!(must_close(&[&idle, &busy, &sixth]), [true, false, false]);
        let _asking = seventh.begin_request();
        assert!(all.open().is_none(), "all have a request under way");
        drop(request);
        let _eighth = open();
        assert_eq!(must_close(&[&busy, &seventh]), [true, false]);
    }

    #[test]
    fn a_connection_that_ends_makes_room() {
        let all = OpenConnections::new(1);
        let first = all.open().expect("room");
        let request = first.begin_request();
        assert!(all.open().is_none());
        drop(first);
        assert!(all.open().is_none(), "its request still runs");
        drop(request);
        assert!(all.open().is_some());
    }
}
