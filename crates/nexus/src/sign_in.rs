//! Signing in at a running system.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use anyhow::{Context, bail};
use http::{Method, StatusCode};
use nexus_contracts::token_mgr::TokenReply;
use nexus_kernel::config::Secret;
use serde_json::json;

use crate::api::Api;

/// An access token for the person.
pub(crate) async fn sign_in(api: &Api, email: &str, password: &Secret) -> anyhow::Result<Secret> {
    // In the body, as a cookie would go nowhere; the token itself is not kept.
    let credentials = json!({"email": email, "password": password, "refresh_token": "body"});
    let reply = api.call(Method::POST, "/api/auth/login").json(&credentials)?.send().await.context("signing in")?;
    if reply.status == StatusCode::ACCEPTED {
        bail!("the account has an authenticator app, and nobody types its code here; use a personal access token");
    }
    Ok(reply.json::<TokenReply>()?.access_token)
}

/// Where this machine itself reaches what listens there.
pub(crate) fn near(listen: SocketAddr) -> SocketAddr {
    let address = match listen.ip() {
        IpAddr::V4(address) if address.is_unspecified() => IpAddr::V4(Ipv4Addr::LOCALHOST),
        IpAddr::V6(address) if address.is_unspecified() => IpAddr::V6(Ipv6Addr::LOCALHOST),
        address => address,
    };
    SocketAddr::new(address, listen.port())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_gateway_on_all_addresses_is_reached_through_the_machines_own() {
        for (listen, reached) in
            [("0.0.0.0:80", "127.0.0.1:80"), ("[::]:3000", "[::1]:3000"), ("192.168.1.4:3000", "192.168.1.4:3000")]
        {
            assert_eq!(near(listen.parse().unwrap()), reached.parse().unwrap());
        }
    }
}
