//! Who is at the other end: the address that a request comes from, through proxies that are trusted.

use std::net::{IpAddr, Ipv6Addr, SocketAddr};

use http::{HeaderMap, HeaderName};
use nexus_kernel::config::Network;

pub(crate) const FORWARDED_FOR: HeaderName = HeaderName::from_static("x-forwarded-for");

/// The client of a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Client {
    /// Its address.
    pub(crate) address: IpAddr,
    /// Whether something between it and us said so.
    pub(crate) behind_proxy: bool,
}

impl Client {
    /// The connection's other end, or, when that is a trusted proxy, the last address before the trusted ones that the
    /// proxies noted. What a client itself wrote into the header stands further left and is never believed.
    pub(crate) fn of(peer: IpAddr, headers: &HeaderMap, trusted: &[Network]) -> Self {
        let peer = peer.to_canonical();
        let noted: Vec<&str> = headers
            .get_all(FORWARDED_FOR)
            .iter()
            .flat_map(|value| value.to_str().unwrap_or("?").split(','))
            .map(str::trim)
            .collect();
        let mut address = peer;
        for entry in noted.iter().rev() {
            if !trusted.iter().any(|network| network.contains(address)) {
                break;
            }
            match parse(entry) {
                Some(before) => address = before,
                None => break,
            }
        }
        Self { address, behind_proxy: !noted.is_empty() }
    }

    /// Whether it speaks to us directly from this machine or a private network.
    pub(crate) fn is_near(&self) -> bool {
        let private = match self.address {
            IpAddr::V4(address) => address.is_loopback() || address.is_private() || address.is_link_local(),
            IpAddr::V6(address) => {
                address.is_loopback() || address.is_unique_local() || address.is_unicast_link_local()
            }
        };
        private && !self.behind_proxy
    }

    /// What limits count: the address, or for IPv6 its network, as one subscriber has all addresses of a /64.
    pub(crate) fn network(&self) -> IpAddr {
        match self.address {
            IpAddr::V4(_) => self.address,
            IpAddr::V6(address) => IpAddr::V6(Ipv6Addr::from_bits(address.to_bits() >> 64 << 64)),
        }
    }
}

/// An address as proxies write it, some with a port.
fn parse(entry: &str) -> Option<IpAddr> {
    let bare = entry.parse::<IpAddr>().ok();
    bare.or_else(|| entry.parse::<SocketAddr>().ok().map(|address| address.ip())).map(|address| address.to_canonical())
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;

    use super::*;

    fn client(peer: &str, noted: &[&str], trusted: &[&str]) -> Client {
        let headers = noted.iter().map(|value| (FORWARDED_FOR, HeaderValue::from_str(value).unwrap())).collect();
        let trusted: Vec<Network> = trusted.iter().map(|address| address.parse().unwrap()).collect();
        Client::of(peer.parse().unwrap(), &headers, &trusted)
    }

    #[test]
    fn what_an_untrusted_client_writes_is_not_believed() {
        assert_eq!(client("203.0.113.9", &["10.0.0.1"], &["10.0.0.5"]).address.to_string(), "203.0.113.9");
        assert_eq!(client("::ffff:203.0.113.9", &[], &[]).address.to_string(), "203.0.113.9");
    }

    #[test]
    fn the_last_address_before_the_trusted_proxies_is_the_clients() {
        let trusted = ["10.0.0.5", "10.0.0.6"];
        assert_eq!(
            client("10.0.0.5", &["1.1.1.1, 198.51.100.7", "10.0.0.6"], &trusted).address.to_string(),
            "198.51.100.7"
        );
        assert_eq!(client("10.0.0.5", &["[2001:db8::1]:443"], &trusted).address.to_string(), "2001:db8::1");
        assert_eq!(client("10.0.0.5", &["nonsense"], &trusted).address.to_string(), "10.0.0.5");
        assert_eq!(client("10.0.0.5", &[], &trusted).address.to_string(), "10.0.0.5");
    }

    #[test]
    fn a_proxy_is_trusted_by_the_network_that_it_is_in() {
        let of = |peer| client(peer, &["198.51.100.7"], &["10.42.0.0/16"]).address.to_string();
        assert_eq!((of("10.42.7.9").as_str(), of("10.43.0.1").as_str()), ("198.51.100.7", "10.43.0.1"));
    }

    #[test]
    fn near_is_only_who_speaks_to_us_directly() {
        assert!(client("127.0.0.1", &[], &[]).is_near() && client("192.168.1.4", &[], &[]).is_near());
        assert!(!client("127.0.0.1", &["192.168.1.4"], &["127.0.0.1"]).is_near());
        assert!(!client("127.0.0.1", &["192.168.1.4"], &[]).is_near());
        assert!(!client("203.0.113.9", &[], &[]).is_near());
    }

    #[test]
    fn all_addresses_of_an_ipv6_network_count_as_one() {
        assert_eq!(client("2001:db8:1:2:3::4", &[], &[]).network(), client("2001:db8:1:2:ffff::1", &[], &[]).network());
        assert_ne!(client("2001:db8:1:2::1", &[], &[]).network(), client("2001:db8:1:3::1", &[], &[]).network());
    }
}
