//! May this sender? Pure: addresses in, an answer out.

use std::net::IpAddr;

use ipnet::IpNet;

use crate::address::{client, contains};

/// Who is let in.
#[derive(Clone, Copy, Debug)]
pub struct Rules<'a> {
    /// Addresses notifications may come from.
    pub allowed: &'a [IpNet],
    /// Proxies whose `X-Forwarded-For` is believed.
    pub trusted_proxies: &'a [IpNet],
    /// Development lets this machine in.
    pub allow_loopback: bool,
}

/// Whether a request from `peer` with these `X-Forwarded-For` values, in order, is let in.
pub fn is_allowed(rules: Rules<'_>, peer: IpAddr, forwarded: &[&str]) -> bool {
    let Some(client) = client(rules.trusted_proxies, peer, forwarded) else { return false };
    contains(rules.allowed, client) || rules.allow_loopback && client.is_loopback()
}

#[cfg(test)]
mod tests {
    use super::*;

    const KIWOOM: &str = "123.140.121.205";

    fn nets(text: &str) -> Vec<IpNet> {
        let parse =
            |t: &str| t.parse().unwrap_or_else(|_| IpNet::from(t.parse::<IpAddr>().unwrap()));
        text.split(',').filter(|t| !t.is_empty()).map(parse).collect()
    }

    /// Peer, X-Forwarded-For, trusted proxies, whether it is let in. The allowed address is
    /// KIWOOM's.
    const CASES: &[(&str, &[&str], &str, bool)] = &[
        // Directly.
        ("123.140.121.205", &[], "", true),
        ("123.140.121.204", &[], "", false),
        ("::ffff:123.140.121.205", &[], "", true),
        ("::ffff:123.140.121.204", &[], "", false),
        ("8.8.8.8", &[], "", false),
        ("127.0.0.1", &[], "", false),
        ("::1", &[], "", false),
        // A header from somebody who is no proxy of ours is not read.
        ("8.8.8.8", &["123.140.121.205"], "", false),
        ("8.8.8.8", &["123.140.121.205, 10.0.0.1"], "10.0.0.0/8", false),
        ("123.140.121.205", &["8.8.8.8"], "", true),
        ("::ffff:8.8.8.8", &["123.140.121.205"], "10.0.0.0/8", false),
        ("11.0.0.1", &["123.140.121.205"], "10.0.0.0/8", false),
        // Through a proxy of ours.
        ("10.0.0.1", &["123.140.121.205"], "10.0.0.0/8", true),
        ("::ffff:10.0.0.1", &["123.140.121.205"], "10.0.0.0/8", true),
        ("10.0.0.1", &["::ffff:123.140.121.205"], "10.0.0.0/8", true),
        ("10.0.0.1", &["123.140.121.205:51234"], "10.0.0.0/8", true),
        ("10.0.0.1", &["[::ffff:123.140.121.205]:443"], "10.0.0.0/8", true),
        ("10.0.0.1", &["8.8.8.8"], "10.0.0.0/8", false),
        ("10.0.0.1", &[], "10.0.0.0/8", false),
        // Two proxies of ours, in one header or in two.
        ("10.0.0.1", &["123.140.121.205, 10.0.0.2"], "10.0.0.0/8", true),
        ("10.0.0.1", &["123.140.121.205", "10.0.0.2"], "10.0.0.0/8", true),
        ("10.0.0.1", &["10.0.0.2, 123.140.121.205"], "10.0.0.0/8", true),
        // The client writes the left end itself.
        ("10.0.0.1", &["123.140.121.205, 8.8.8.8"], "10.0.0.0/8", false),
        ("10.0.0.1", &["123.140.121.205", "8.8.8.8"], "10.0.0.0/8", false),
        ("10.0.0.1", &["123.140.121.205, 8.8.8.8, 10.0.0.2"], "10.0.0.0/8", false),
        ("10.0.0.1", &["8.8.8.8, 123.140.121.205"], "10.0.0.0/8", true),
        // What cannot be read lets nobody in.
        ("10.0.0.1", &["123.140.121.205, unknown"], "10.0.0.0/8", false),
        ("10.0.0.1", &["for=123.140.121.205"], "10.0.0.0/8", false),
        ("10.0.0.1", &["123.140.121.205\u{0}"], "10.0.0.0/8", false),
        ("10.0.0.1", &["0123.140.121.205"], "10.0.0.0/8", false),
        ("10.0.0.1", &["123.140.121.205.evil.example"], "10.0.0.0/8", false),
        ("10.0.0.1", &["10.0.0.2, 10.0.0.3"], "10.0.0.0/8", false),
        ("fd00::1", &["123.140.121.205"], "fd00::/8", true),
        ("fd00::1", &["123.140.121.205, fd00::2"], "fd00::/8", true),
        ("10.0.0.1", &[" , 123.140.121.205 , "], "10.0.0.0/8", true),
    ];

    #[test]
    fn spoofed_and_real_senders() {
        for (peer, forwarded, proxies, expected) in CASES {
            let (allowed, trusted_proxies) = (nets(KIWOOM), nets(proxies));
            let rules = Rules {
                allowed: &allowed,
                trusted_proxies: &trusted_proxies,
                allow_loopback: false,
            };
            let actual = is_allowed(rules, peer.parse().unwrap(), forwarded);
            assert_eq!(actual, *expected, "{peer} {forwarded:?} behind {proxies}");
        }
    }

    #[test]
    fn development_lets_this_machine_in_but_not_through_a_proxy() {
        let trusted_proxies = nets("127.0.0.1");
        let rules = Rules { allowed: &[], trusted_proxies: &trusted_proxies, allow_loopback: true };
        let local = IpAddr::from([127, 0, 0, 1]);
        assert!(is_allowed(rules, local, &[]));
        assert!(!is_allowed(rules, local, &["8.8.8.8"]));
    }
}
