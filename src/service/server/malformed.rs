//! Requests that are none: bytes that HTTP does not allow, such as raw EUC-KR in the request line. They
//! are answered before the router sees them, so they are counted and told of here.

use std::net::SocketAddr;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

use super::Ended;

/// At most one line in this time: anybody may send such bytes.
const PAUSE: Duration = Duration::from_secs(10);

/// When it was last told of them, and how many there were since.
#[derive(Default)]
pub(super) struct Malformed(Mutex<(Option<Instant>, u64)>);

impl Malformed {
    /// What a connection ended with. A client that goes away ends its connection, nothing else.
    pub(super) fn note(&self, peer: SocketAddr, ended: Result<(), Ended>) {
        let Err(error) = ended else { return };
        let malformed = error.downcast_ref::<hyper::Error>().filter(|error| error.is_parse());
        let Some(malformed) = malformed else {
            return tracing::debug!(%error, "connection ended");
        };
        metrics::counter!("kiwoom_billing_malformed_requests_total").increment(1);
        if let Some(since_last) = self.to_tell() {
            // Its text is the parser's own: none of the bytes.
            tracing::warn!(%peer, reason = %malformed, since_last, "not HTTP: a request was refused");
        }
    }

    /// How many there were since the last line, this one included, when it is time for another one.
    fn to_tell(&self) -> Option<u64> {
        let mut told = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        told.1 += 1;
        if told.0.is_some_and(|at| at.elapsed() < PAUSE) {
            return None;
        }
        told.0 = Some(Instant::now());
        Some(std::mem::take(&mut told.1))
    }
}
