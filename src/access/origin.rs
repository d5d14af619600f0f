//! Where a request comes from, behind proxies too.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use axum::extract::ConnectInfo;
use axum::http::{Extensions, HeaderMap};
use ipnet::IpNet;

use crate::access::forwarding::Forwarding;

/// The address of the client: the peer, unless that is a trusted proxy. Then the list is read from
/// right to left, and the first address that is no trusted proxy is the client: what stands
/// further left was written by the client itself. `None` when that entry cannot be read.
pub fn client(trusted: &[IpNet], peer: IpAddr, forwarded: &[&str]) -> Option<IpAddr> {
    let mut client = peer.to_canonical();
    let entries = forwarded.iter().flat_map(|header| header.split(','));
    let entries: Vec<&str> = entries.map(str::trim).filter(|e| !e.is_empty()).collect();
    for entry in entries.into_iter().rev() {
        if !contains(trusted, client) {
            break;
        }
        client = address(entry)?;
    }
    Some(client)
}

/// The values of `X-Forwarded-For`. One that is no text is an entry that cannot be read.
pub fn forwarded(headers: &HeaderMap) -> Vec<&str> {
    let values = headers.get_all("x-forwarded-for").iter();
    values.map(|value| value.to_str().unwrap_or("?")).collect()
}

/// Whether one of the networks has this address.
pub fn contains(networks: &[IpNet], ip: IpAddr) -> bool {
    networks.iter().any(|network| network.contains(&ip))
}

/// An address with or without a port; IPv6 may stand in brackets; IPv4 in IPv6 is IPv4.
fn address(entry: &str) -> Option<IpAddr> {
    let plain = entry.parse::<IpAddr>().ok();
    let inside = entry.strip_prefix('[').and_then(|rest| rest.strip_suffix(']'));
    let bracketed = || inside?.parse::<Ipv6Addr>().ok().map(IpAddr::from);
    let with_port = || entry.parse::<SocketAddr>().ok().map(|a| a.ip());
    plain.or_else(bracketed).or_else(with_port).map(|ip| ip.to_canonical())
}

/// Whom a limit counts as one: an IPv4 address, or the /64 of an IPv6 one, all of which its owner
/// can use. Behind a proxy that nobody named in `TRUSTED_PROXIES` all callers are one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Origin(pub IpAddr);

impl Origin {
    /// Of a request with these headers and extensions. A proxy whose header cannot be read or believed
    /// counts itself.
    pub fn of(forwarding: &Forwarding, headers: &HeaderMap, extensions: &Extensions) -> Self {
        let peer = extensions.get::<ConnectInfo<SocketAddr>>();
        let peer = peer.map_or(Ipv4Addr::UNSPECIFIED.into(), |ConnectInfo(peer)| peer.ip());
        Self(network(forwarding.client(peer, headers).unwrap_or(peer)))
    }
}

fn network(ip: IpAddr) -> IpAddr {
    match ip.to_canonical() {
        IpAddr::V6(ip) => Ipv6Addr::from_bits(ip.to_bits() & (u128::MAX << 64)).into(),
        ip @ IpAddr::V4(_) => ip,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Peer, `X-Forwarded-For`, who is counted. 10.0.0.0/8 is trusted.
    const CASES: [(&str, &str, &str); 9] = [
        ("8.8.8.8", "", "8.8.8.8"),
        ("8.8.8.8", "1.2.3.4", "8.8.8.8"),
        ("10.0.0.1", "1.2.3.4", "1.2.3.4"),
        ("10.0.0.1", "9.9.9.9, 1.2.3.4", "1.2.3.4"),
        ("10.0.0.1", "", "10.0.0.1"),
        ("10.0.0.1", "nonsense", "10.0.0.1"),
        ("::ffff:8.8.8.8", "", "8.8.8.8"),
        ("2001:db8:1:2:3:4:5:6", "", "2001:db8:1:2::"),
        ("10.0.0.1", "2001:db8:1:2:ffff::1", "2001:db8:1:2::"),
    ];

    #[test]
    fn an_origin_is_an_address_or_the_64_bits_before_one() {
        let forwarding = Forwarding::new(vec!["10.0.0.0/8".parse().unwrap()]);
        for (peer, forwarded, expected) in CASES {
            let mut headers = HeaderMap::new();
            if !forwarded.is_empty() {
                headers.insert("x-forwarded-for", forwarded.parse().unwrap());
            }
            let mut extensions = Extensions::new();
            let peer: IpAddr = peer.parse().unwrap();
            extensions.insert(ConnectInfo(SocketAddr::new(peer, 4711)));
            let origin = Origin::of(&forwarding, &headers, &extensions);
            assert_eq!(origin.0.to_string(), expected, "{peer} {forwarded}");
        }
    }
}
