//! Why a request got no answer that can be read: for errors, the log and the metrics. Texts are without
//! the URL (a RETURNURL may carry a session) and without anything of the request or the answer.

use std::io::{self, ErrorKind};

use crate::kiwoom::outgoing::chain;

/// What went wrong between us and KiwoomPay.
pub(super) struct Failure {
    /// For the metrics, one of a few.
    reason: &'static str,
    /// For the error.
    pub(super) told: String,
    /// For the log: the innermost cause, in the words of the system.
    cause: String,
}

impl Failure {
    pub(super) fn of(error: &reqwest::Error) -> Self {
        let innermost = chain(error).skip(1).last().map(ToString::to_string).unwrap_or_default();
        Self { reason: reason(error), told: told(error).to_owned(), cause: innermost }
    }

    pub(super) fn timed_out() -> Self {
        Self { reason: "timeout", told: "timed out".to_owned(), cause: String::new() }
    }

    /// It answered, but with another status than 200.
    pub(super) fn status(status: u16) -> Self {
        Self { reason: "status", told: format!("status {status}"), cause: String::new() }
    }

    /// It answered something that is no answer.
    pub(super) fn unreadable(told: &str) -> Self {
        Self { reason: "answer", told: told.to_owned(), cause: String::new() }
    }

    /// Writes it down: of step 2 of a call to `host`, or of a request that moves no money, as step 1.
    pub(super) fn tell(&self, step: u8, host: Option<&str>) {
        let (reason, why, cause) = (self.reason, &*self.told, &*self.cause);
        tracing::warn!(step, host, reason, why, cause, "no answer of KiwoomPay's");
        let step = step.to_string();
        metrics::counter!("kiwoom_billing_gateway_failures_total", "step" => step, "reason" => reason)
            .increment(1);
    }
}

fn told(error: &reqwest::Error) -> &'static str {
    match error {
        e if e.is_connect() => "could not connect",
        e if e.is_timeout() => "timed out",
        e if e.is_redirect() => "redirected",
        e if e.is_body() || e.is_decode() => "the answer broke off",
        _ => "the connection broke",
    }
}

fn reason(error: &reqwest::Error) -> &'static str {
    if error.is_timeout() {
        return "timeout";
    }
    let system = chain(error).filter_map(|cause| cause.downcast_ref::<io::Error>()).last();
    match system.map(|error| within(error).kind()) {
        _ if chain(error).any(|cause| cause.to_string() == "dns error") => "dns",
        Some(ErrorKind::ConnectionRefused) => "refused",
        // What rustls refuses.
        Some(ErrorKind::InvalidData) => "tls",
        _ if error.is_connect() => "connect",
        _ => "broken",
    }
}

/// TLS wraps an error of the system in another one, which is no cause of it.
fn within(error: &io::Error) -> &io::Error {
    let inner = error.get_ref().and_then(|inner| inner.downcast_ref::<io::Error>());
    inner.map_or(error, within)
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use reqwest::Client;
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    use tokio::net::TcpListener;

    use super::*;

    async fn asked(url: &str, secs: u64) -> Failure {
        let client = Client::builder().no_proxy().timeout(Duration::from_secs(secs));
        let client = client.build().unwrap();
        Failure::of(&client.get(url).send().await.unwrap_err())
    }

    /// A server that says this to whoever has said something, and hangs up; it waits when it is none.
    async fn server(says: Option<&'static [u8]>) -> String {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        tokio::spawn(async move {
            let mut open = Vec::new();
            loop {
                let (mut stream, _) = listener.accept().await.unwrap();
                drop(stream.read(&mut [0; 64]).await);
                match says {
                    Some(says) => drop(stream.write_all(says).await),
                    None => open.push(stream),
                }
            }
        });
        address.to_string()
    }

    #[tokio::test]
    async fn each_failure_has_its_reason_and_its_innermost_cause() {
        let nobody = TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap();
        let (silent, rude) = (server(None).await, server(Some(b"")).await);
        let plain = server(Some(b"HTTP/1.1 400 Bad Request\r\n\r\n")).await;
        for (url, expected, cause) in [
            (format!("http://{nobody}/pay"), "refused", "refused"),
            ("http://nowhere.invalid/pay".to_owned(), "dns", "lookup"),
            (format!("https://{plain}/pay"), "tls", "corrupt message"),
            (format!("http://{silent}/pay"), "timeout", ""),
            (format!("http://{rude}/pay"), "broken", ""),
        ] {
            let failure = asked(&url, if expected == "timeout" { 1 } else { 30 }).await;
            assert_eq!(failure.reason, expected, "{url}: {}", failure.cause);
            assert!(failure.cause.contains(cause), "{url}: {}", failure.cause);
            assert!(!failure.cause.contains("/pay") && !failure.told.contains("/pay"), "{url}");
        }
    }
}
