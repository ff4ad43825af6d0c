//! Where a request comes from, as the gateway says.

use std::convert::Infallible;
use std::net::{IpAddr, Ipv6Addr};

use axum::extract::FromRequestParts;
use http::request::Parts;
use http::{HeaderMap, header};
use nexus_contracts::device;
use nexus_kernel::extract::header_text;

use crate::cookie::Cookie;
use crate::token::Token;

/// The gateway replaces what clients send here, and what it adds is the last entry.
const FORWARDED_FOR: &str = "x-forwarded-for";

/// Where a request comes from.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct Client {
    /// The network address; `None` when no gateway stands before.
    pub(crate) address: Option<IpAddr>,
    /// `User-Agent`, as it came.
    pub(crate) user_agent: String,
    /// The `Cookie` headers, as they came.
    cookies: HeaderMap,
}

impl Client {
    fn of(headers: &HeaderMap) -> Self {
        let forwarded = headers.get_all(FORWARDED_FOR).iter().next_back().and_then(|value| value.to_str().ok());
        let address = forwarded.and_then(|list| list.rsplit(',').next()).and_then(|last| last.trim().parse().ok());
        let user_agent = header_text(headers, header::USER_AGENT.as_str()).unwrap_or_default().to_owned();
        let cookies = headers.get_all(header::COOKIE).iter().map(|value| (header::COOKIE, value.clone()));
        let mut own = HeaderMap::new();
        own.extend(cookies);
        Self { address, user_agent, cookies: own }
    }

    /// What the client keeps in this cookie.
    pub(crate) fn cookie(&self, cookie: &Cookie) -> Option<Token> {
        cookie.read(&self.cookies)
    }

    /// What people call it, as "Firefox on Linux".
    pub(crate) fn device(&self) -> String {
        device::name(&self.user_agent)
    }

    /// The network address as text; empty when it is not known.
    pub(crate) fn address_text(&self) -> String {
        self.address.map(|address| address.to_string()).unwrap_or_default()
    }

    /// The network as text; empty when it is not known.
    pub(crate) fn network_text(&self) -> String {
        self.network().map(|network| network.to_string()).unwrap_or_default()
    }

    /// What one person or house has of the network: an IPv4 address, or a /64 of IPv6 (RFC 6177 section 2).
    pub(crate) fn network(&self) -> Option<IpAddr> {
        self.address.map(|address| match address.to_canonical() {
            IpAddr::V4(address) => IpAddr::V4(address),
            IpAddr::V6(address) => IpAddr::V6(Ipv6Addr::from_bits(address.to_bits() & (u128::MAX << 64))),
        })
    }
}

impl<S: Sync> FromRequestParts<S> for Client {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Infallible> {
        Ok(Self::of(&parts.headers))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn network(forwarded: &[&str]) -> String {
        let mut headers = HeaderMap::new();
        for value in forwarded {
            headers.append(FORWARDED_FOR, value.parse().unwrap());
        }
        Client::of(&headers).network().map(|network| network.to_string()).unwrap_or_default()
    }

    #[test]
    fn the_last_entry_counts_and_what_is_no_address_is_none() {
        assert_eq!(network(&["203.0.113.7"]), "203.0.113.7");
        assert_eq!(network(&["198.51.100.1, 203.0.113.7"]), "203.0.113.7");
        assert_eq!(network(&["198.51.100.1", "203.0.113.7"]), "203.0.113.7");
        assert_eq!(network(&["unknown"]), "");
        assert_eq!(network(&[]), "");
    }

    #[test]
    fn all_of_a_house_is_one_network() {
        assert_eq!(network(&["2001:db8:1:2:3:4:5:6"]), network(&["2001:db8:1:2:ffff::1"]));
        assert_ne!(network(&["2001:db8:1:2::1"]), network(&["2001:db8:1:3::1"]));
        assert_eq!(network(&["::ffff:203.0.113.7"]), "203.0.113.7");
    }
}
