//! May this sender? Pure: addresses in, an answer out.

use std::net::IpAddr;

use ipnet::IpNet;

use crate::access::origin::contains;

/// Who is let in.
#[derive(Clone, Copy, Debug)]
pub struct Rules<'a> {
    /// Addresses notifications may come from.
    pub allowed: &'a [IpNet],
    /// Development lets this machine in.
    pub allow_loopback: bool,
}

/// Whether a request of this client is let in.
pub fn is_allowed(rules: Rules<'_>, client: IpAddr) -> bool {
    contains(rules.allowed, client) || rules.allow_loopback && client.is_loopback()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::access::origin::client;

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
            let rules = Rules { allowed: &allowed, allow_loopback: false };
            let client = client(&trusted_proxies, peer.parse().unwrap(), forwarded);
            let actual = client.is_some_and(|client| is_allowed(rules, client));
            assert_eq!(actual, *expected, "{peer} {forwarded:?} behind {proxies}");
        }
    }

    /// Peer, X-Forwarded-For, the address that counts; `-`: none can be told. Trusted are
    /// 10.0.0.0/8, `fd00::/8` and 192.0.2.1.
    const WHOSE: &[(&str, &[&str], &str)] = &[
        // A peer that is no proxy of ours speaks for itself.
        ("8.8.8.8", &[], "8.8.8.8"),
        ("8.8.8.8", &["10.0.0.1"], "8.8.8.8"),
        ("8.8.8.8", &["garbage"], "8.8.8.8"),
        ("2001:db8::1", &["10.0.0.1"], "2001:db8::1"),
        ("::ffff:8.8.8.8", &["1.1.1.1"], "8.8.8.8"),
        ("192.0.2.2", &["1.1.1.1"], "192.0.2.2"),
        ("fe80::1", &["1.1.1.1"], "fe80::1"),
        // One that is, for the right-most that is none.
        ("192.0.2.1", &["1.1.1.1"], "1.1.1.1"),
        ("::ffff:192.0.2.1", &["1.1.1.1"], "1.1.1.1"),
        ("10.255.255.255", &["1.1.1.1, 2.2.2.2"], "2.2.2.2"),
        ("10.0.0.1", &["1.1.1.1, 2.2.2.2, 10.1.1.1, fd00::9, 192.0.2.1"], "2.2.2.2"),
        ("10.0.0.1", &["1.1.1.1", "2.2.2.2, 10.1.1.1", "fd00::9"], "2.2.2.2"),
        ("10.0.0.1", &["1.1.1.1", "10.1.1.1"], "1.1.1.1"),
        ("10.0.0.1", &["garbage, 2.2.2.2"], "2.2.2.2"),
        ("10.0.0.1", &["2.2.2.2, garbage"], "-"),
        ("10.0.0.1", &["2.2.2.2, garbage, 10.1.1.1"], "-"),
        ("10.0.0.1", &["\t2.2.2.2 \t"], "2.2.2.2"),
        ("10.0.0.1", &[",,2.2.2.2,,"], "2.2.2.2"),
        // When all are ours, the first of them.
        ("10.0.0.1", &[], "10.0.0.1"),
        ("10.0.0.1", &["", ","], "10.0.0.1"),
        ("10.0.0.1", &["10.3.3.3, 10.2.2.2"], "10.3.3.3"),
        // As it is written.
        ("10.0.0.1", &["2.2.2.2:80"], "2.2.2.2"),
        ("10.0.0.1", &["2001:db8::2"], "2001:db8::2"),
        ("10.0.0.1", &["[2001:db8::2]"], "2001:db8::2"),
        ("10.0.0.1", &["[2001:DB8:0::2]:80"], "2001:db8::2"),
        ("10.0.0.1", &["::ffff:2.2.2.2"], "2.2.2.2"),
        ("10.0.0.1", &["[::ffff:2.2.2.2]:80"], "2.2.2.2"),
        ("10.0.0.1", &["2001:db8::2:80"], "2001:db8::2:80"),
        ("10.0.0.1", &["[2.2.2.2]"], "-"),
        ("10.0.0.1", &["[[::1]]"], "-"),
        ("10.0.0.1", &["[2001:db8::2"], "-"),
        ("10.0.0.1", &["2001:db8::2]"], "-"),
        ("10.0.0.1", &["[2001:db8::2]80"], "-"),
        ("10.0.0.1", &["2.2.2.2:"], "-"),
        ("10.0.0.1", &["2.2.2.2:port"], "-"),
        ("10.0.0.1", &["2.2.2.2:65536"], "-"),
        ("10.0.0.1", &["2.2.2"], "-"),
        ("10.0.0.1", &["2.2.2.256"], "-"),
        ("10.0.0.1", &["02.2.2.2"], "-"),
        ("10.0.0.1", &["0x2.2.2.2"], "-"),
        ("10.0.0.1", &["33686018"], "-"),
        ("10.0.0.1", &["2.2.2.2/32"], "-"),
        ("10.0.0.1", &["2.2.2.2 2.2.2.2"], "-"),
        ("10.0.0.1", &["\"2.2.2.2\""], "-"),
        ("10.0.0.1", &["for=2.2.2.2"], "-"),
        ("10.0.0.1", &["localhost"], "-"),
        ("10.0.0.1", &["unknown"], "-"),
        ("10.0.0.1", &["_secret"], "-"),
        ("10.0.0.1", &["2．2．2．2"], "-"),
        ("10.0.0.1", &["2.2.2.2\r\nX-A: b"], "-"),
    ];

    #[test]
    fn the_right_most_address_that_is_no_proxy_of_ours_counts() {
        let trusted = nets("10.0.0.0/8,fd00::/8,192.0.2.1");
        for (peer, forwarded, expected) in WHOSE {
            let whose = client(&trusted, peer.parse().unwrap(), forwarded);
            let whose = whose.map_or_else(|| "-".to_owned(), |ip| ip.to_string());
            assert_eq!(whose, *expected, "{peer} {forwarded:?}");
        }
    }

    #[test]
    fn development_lets_this_machine_in_but_not_through_a_proxy() {
        let trusted_proxies = nets("127.0.0.1");
        let rules = Rules { allowed: &[], allow_loopback: true };
        let local = IpAddr::from([127, 0, 0, 1]);
        let of = |forwarded| client(&trusted_proxies, local, forwarded).unwrap();
        assert!(is_allowed(rules, of(&[])));
        assert!(!is_allowed(rules, of(&["8.8.8.8"])));
    }
}
