//! Whether the proxies of `TRUSTED_PROXIES` say themselves where a request comes from. One that passes
//! on what the client wrote in `X-Forwarded-For` lets anybody pose as KiwoomPay. Only a request of our
//! own, sent through the proxy with an address that is nobody's, shows which it does.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use axum::http::{HeaderMap, HeaderName, HeaderValue};
use ipnet::IpNet;
use uuid::Uuid;

use crate::access::origin;

const FORWARDED: HeaderName = HeaderName::from_static("x-forwarded-for");
const PROBE: HeaderName = HeaderName::from_static("x-kiwoom-billing-probe");
/// Nobody's (RFC 5737).
const NOBODY: &str = "192.0.2.1";

/// An address that no probe has come from for so long, while others have, is no proxy's any more.
const FORGOTTEN: Duration = Duration::from_mins(10);

/// What has been found out about the proxies.
pub struct Forwarding {
    trusted: Vec<IpNet>,
    /// What tells a probe of this process from every other request.
    secret: String,
    arrived: AtomicU64,
    /// With the last probe that showed it.
    passing_on: Mutex<HashMap<IpAddr, Instant>>,
}

impl Forwarding {
    /// Of these proxies nothing is known yet: they are believed.
    pub fn new(trusted: Vec<IpNet>) -> Self {
        let secret = Uuid::new_v4().simple().to_string();
        Self { trusted, secret, arrived: AtomicU64::new(0), passing_on: Mutex::default() }
    }

    /// As [`origin::client`]. `None`, too, when the peer is a proxy that passes on what clients write:
    /// whose request it is cannot be told.
    pub fn client(&self, peer: IpAddr, headers: &HeaderMap) -> Option<IpAddr> {
        let forwarded = origin::forwarded(headers);
        if !forwarded.is_empty() && self.passes_on(peer) {
            return None;
        }
        origin::client(&self.trusted, peer, &forwarded)
    }

    fn passes_on(&self, peer: IpAddr) -> bool {
        self.found().contains_key(&peer.to_canonical())
    }

    fn found(&self) -> MutexGuard<'_, HashMap<IpAddr, Instant>> {
        self.passing_on.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Headers of a request that shows what the proxies in front of this process do.
    pub fn probe(&self) -> HeaderMap {
        let nobody = HeaderValue::from_static(NOBODY);
        let mut headers = HeaderMap::from_iter([(FORWARDED, nobody)]);
        headers.extend(HeaderValue::from_str(&self.secret).ok().map(|secret| (PROBE, secret)));
        headers
    }

    /// Takes note of a request with these headers, when it is a probe of this process. A proxy may be
    /// mended while the service runs: the last probe counts.
    pub fn observe(&self, peer: IpAddr, headers: &HeaderMap) {
        let is_ours =
            headers.get(PROBE).is_some_and(|value| value.as_bytes() == self.secret.as_bytes());
        let peer = peer.to_canonical();
        if !is_ours || !origin::contains(&self.trusted, peer) {
            return;
        }
        // Not by whose it would be: what a good proxy adds may be the address of one of ours, too.
        let list = origin::forwarded(headers).join(",");
        let nearest = list.rsplit(',').map(str::trim).find(|entry| !entry.is_empty());
        let mut passing_on = self.found();
        if nearest == Some(NOBODY) {
            if passing_on.insert(peer, Instant::now()).is_none() {
                tracing::error!(
                    alert = true,
                    proxy = %peer,
                    "this proxy passes on the X-Forwarded-For that clients write: no notification \
                     through it is believed until it sets the header itself",
                );
            }
        } else if passing_on.remove(&peer).is_some() {
            tracing::info!(proxy = %peer, "this proxy sets X-Forwarded-For itself now");
        }
        passing_on.retain(|_, seen| seen.elapsed() < FORGOTTEN);
        self.arrived.fetch_add(1, Ordering::Relaxed);
    }

    /// How many probes have come back through a proxy.
    pub fn arrived(&self) -> u64 {
        self.arrived.load(Ordering::Relaxed)
    }

    /// How many proxies pass on what clients write.
    pub fn passing_on(&self) -> usize {
        self.found().len()
    }

    /// Whether there are proxies to be looked at.
    pub fn has_proxies(&self) -> bool {
        !self.trusted.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PROXY: IpAddr = IpAddr::V4(std::net::Ipv4Addr::new(10, 0, 0, 1));

    fn with_list(mut headers: HeaderMap, list: Option<&str>) -> HeaderMap {
        headers.remove(FORWARDED);
        headers.extend(list.map(|list| (FORWARDED, HeaderValue::from_str(list).unwrap())));
        headers
    }

    #[test]
    fn a_proxy_that_passes_the_header_on_is_not_believed_until_it_sets_it() {
        let forwarding = Forwarding::new(vec!["10.0.0.0/8".parse().unwrap()]);
        let told = with_list(HeaderMap::new(), Some("1.2.3.4"));
        let direct = HeaderMap::new();
        // What the proxy makes of the probe's list, and whether it is believed then.
        for (list, is_believed) in [
            (Some("192.0.2.1"), false),
            (Some("10.0.0.2, 192.0.2.1 ,"), false),
            (None, true),
            (Some("192.0.2.1"), false),
            (Some("8.8.8.8"), true),
            (Some("192.0.2.1"), false),
            (Some("192.0.2.1, 8.8.8.8"), true),
            (Some("192.0.2.1, 10.0.0.2"), true),
        ] {
            forwarding.observe(PROXY, &with_list(forwarding.probe(), list));
            let expected = is_believed.then_some(IpAddr::from([1, 2, 3, 4]));
            assert_eq!(forwarding.client(PROXY, &told), expected, "{list:?}");
            assert_eq!(forwarding.client(PROXY, &direct), Some(PROXY), "{list:?}");
            assert_eq!(forwarding.passing_on(), usize::from(!is_believed));
        }
        assert_eq!(forwarding.arrived(), 8);
    }

    #[test]
    fn nobody_else_s_request_changes_what_is_believed() {
        let forwarding = Forwarding::new(vec!["10.0.0.0/8".parse().unwrap()]);
        let stranger = IpAddr::from([8, 8, 8, 8]);
        let mut guessed = Forwarding::new(Vec::new()).probe();
        forwarding.observe(PROXY, &guessed);
        guessed.remove(PROBE);
        forwarding.observe(PROXY, &guessed);
        // Straight to the service: that says nothing of a proxy.
        forwarding.observe(stranger, &forwarding.probe());
        assert_eq!((forwarding.passing_on(), forwarding.arrived()), (0, 0));
        assert_eq!(
            forwarding.client(PROXY, &forwarding.probe()),
            Some(IpAddr::from([192, 0, 2, 1]))
        );
    }
}
