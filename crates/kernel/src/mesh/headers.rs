//! The headers of a call: what travels with it, and what must end at each hop.

use std::time::Duration;

use http::header::{
    CONNECTION, EXPECT, HOST, PROXY_AUTHENTICATE, PROXY_AUTHORIZATION, TE, TRAILER, TRANSFER_ENCODING, UPGRADE,
};
use http::{HeaderMap, HeaderName, HeaderValue};

use crate::layers::{DEADLINE, REQUEST_ID, TRACEPARENT};
use crate::scope::RequestScope;

/// Says which of the names of its certificate a caller from another process speaks in.
pub const CALLER: HeaderName = HeaderName::from_static("x-nexus-caller");
const FORWARDED_HOST: HeaderName = HeaderName::from_static("x-forwarded-host");
const TRACE: HeaderName = HeaderName::from_static(TRACEPARENT);
const REQUEST: HeaderName = HeaderName::from_static(REQUEST_ID);
const LEFT: HeaderName = HeaderName::from_static(DEADLINE);
/// RFC 9110 section 7.6.1, and the two that only custom knows.
const HOP_BY_HOP: [HeaderName; 9] = [
    CONNECTION,
    HeaderName::from_static("keep-alive"),
    HeaderName::from_static("proxy-connection"),
    PROXY_AUTHENTICATE,
    PROXY_AUTHORIZATION,
    TE,
    TRAILER,
    TRANSFER_ENCODING,
    UPGRADE,
];
/// What a `Connection` header says of the connection itself; all else in it is the name of a header.
const OPTIONS: [&str; 3] = ["keep-alive", "close", "upgrade"];

/// Writes the scope into a call's headers, over whatever was there.
pub(super) fn propagate(headers: &mut HeaderMap, scope: &RequestScope, deadline: Option<Duration>) {
    let mut set = |name: HeaderName, value: Option<HeaderValue>| match value {
        Some(value) => headers.insert(name, value),
        None => headers.remove(name),
    };
    set(TRACE, HeaderValue::from_bytes(&scope.trace.header()).ok().map(once));
    set(REQUEST, HeaderValue::from_str(&scope.request_id).ok().map(once));
    let milliseconds = |left: Duration| u64::try_from(left.as_millis()).unwrap_or(u64::MAX);
    set(LEFT, deadline.map(|left| HeaderValue::from(milliseconds(left))));
}

/// A value that no other call has: an HTTP/2 connection need not remember it in place of one that comes again (RFC 7541 section
/// 6.2.3).
fn once(mut value: HeaderValue) -> HeaderValue {
    value.set_sensitive(true);
    value
}

/// The protocol that a request asks to change to, or a 101 changes to.
pub(super) fn upgrade(headers: &HeaderMap) -> Option<HeaderValue> {
    let asks = tokens(headers).any(|token| token.eq_ignore_ascii_case("upgrade"));
    headers.get(UPGRADE).filter(|_| asks).cloned()
}

/// Takes out what is meant for this hop alone; an upgrade goes on to the next hop.
pub(super) fn strip(headers: &mut HeaderMap) {
    let upgrade = upgrade(headers);
    let is_option = |token: &&str| OPTIONS.iter().any(|option| token.eq_ignore_ascii_case(option));
    let others = tokens(headers).filter(|token| !is_option(token));
    let named: Vec<HeaderName> = others.filter_map(|token| token.parse().ok()).collect();
    for name in named {
        headers.remove(name);
    }
    // A look at the few that are there costs less than asking for all that could be.
    while let Some(name) = headers.keys().find(|name| HOP_BY_HOP.contains(name)).cloned() {
        headers.remove(name);
    }
    if let Some(protocol) = upgrade {
        headers.insert(CONNECTION, HeaderValue::from_static("upgrade"));
        headers.insert(UPGRADE, protocol);
    }
}

/// The same for a request from outside, which also may not say who calls. The service has a host name of its own.
pub(super) fn strip_request(headers: &mut HeaderMap) {
    strip(headers);
    headers.remove(CALLER);
    headers.remove(EXPECT);
    if let Some(host) = headers.remove(HOST) {
        headers.entry(FORWARDED_HOST).or_insert(host);
    }
}

fn tokens(headers: &HeaderMap) -> impl Iterator<Item = &str> {
    let values = headers.get_all(CONNECTION).into_iter().filter_map(|value| value.to_str().ok());
    values.flat_map(|value| value.split(',')).map(str::trim)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(pairs: &[(&'static str, &'static str)]) -> HeaderMap {
        pairs.iter().map(|(name, value)| (HeaderName::from_static(name), HeaderValue::from_static(value))).collect()
    }

    #[test]
    fn what_is_meant_for_one_hop_ends_there() {
        let mut sent = headers(&[
            ("connection", "keep-alive, X-Private"),
            ("x-private", "1"),
            ("keep-alive", "timeout=5"),
            ("te", "trailers"),
            ("transfer-encoding", "chunked"),
            ("upgrade", "h2c"),
            ("x-nexus-caller", "forged"),
            ("expect", "100-continue"),
            ("host", "cloud.example.org"),
            ("accept", "*/*"),
        ]);
        strip_request(&mut sent);
        assert_eq!(sent, headers(&[("accept", "*/*"), ("x-forwarded-host", "cloud.example.org")]));
    }

    #[test]
    fn an_upgrade_goes_on_and_nothing_else_of_its_connection_header() {
        let mut sent =
            headers(&[("connection", "close, Upgrade"), ("upgrade", "websocket"), ("x-forwarded-host", "a")]);
        strip_request(&mut sent);
        let kept = [("connection", "upgrade"), ("upgrade", "websocket"), ("x-forwarded-host", "a")];
        assert_eq!(sent, headers(&kept));
    }
}
