//! Services that are no programs of ours.

use std::net::IpAddr;

use http::Uri;
use http::uri::{Authority, Scheme};
use serde::{Deserialize, Serialize};

/// The address of an HTTP/1.1 server on this machine, as `http://127.0.0.1:8080`. It speaks without TLS, so that nothing else than
/// a loopback address can be one: what leaves the machine goes under mutual TLS.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct LoopbackUrl(Authority);

/// The text is no such address.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is not the address of a server on this machine: expected http://127.0.0.1:port or http://[::1]:port")]
pub struct NotLoopback(String);

impl LoopbackUrl {
    /// Host and port.
    pub(crate) fn authority(&self) -> &Authority {
        &self.0
    }
}

impl TryFrom<String> for LoopbackUrl {
    type Error = NotLoopback;

    fn try_from(text: String) -> Result<Self, NotLoopback> {
        let parts = text.parse::<Uri>().map(Uri::into_parts).unwrap_or_default();
        let path = parts.path_and_query.is_none_or(|path| path == "/");
        let plain = parts.scheme == Some(Scheme::HTTP) && path;
        let is_loopback = |authority: &Authority| {
            let host = authority.host().trim_matches(['[', ']']).parse();
            !authority.as_str().contains('@') && host.is_ok_and(|address: IpAddr| address.is_loopback())
        };
        parts.authority.filter(|authority| plain && is_loopback(authority)).map(Self).ok_or(NotLoopback(text))
    }
}

impl From<LoopbackUrl> for String {
    fn from(url: LoopbackUrl) -> Self {
        format!("http://{}", url.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_server_of_this_machine_may_speak_without_tls() {
        for text in ["http://127.0.0.1:8080", "http://127.3.2.1:80/", "http://[::1]:8080", "http://127.0.0.1"] {
            let url = LoopbackUrl::try_from(text.to_owned()).unwrap();
            assert_eq!(String::from(url), text.trim_end_matches('/'));
        }
        for text in [
            "",
            "127.0.0.1:8080",
            "https://127.0.0.1:8080",
            "http://127.0.0.1:8080/api",
            "http://127.0.0.1:8080/?a",
            "http://localhost:8080",
            "http://127.0.0.1.example.org",
            "http://127.0.0.1@example.org",
            "http://example.org@127.0.0.1",
            "http://10.0.0.7:8080",
            "http://0.0.0.0:8080",
        ] {
            assert_eq!(LoopbackUrl::try_from(text.to_owned()), Err(NotLoopback(text.to_owned())), "{text}");
        }
    }
}
