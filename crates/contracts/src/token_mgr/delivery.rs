//! How a pair of tokens gets to its client.

use nexus_kernel::config::Secret;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::IssuedTokens;
use crate::session_mgr::SessionId;

/// The cookie that carries a browser's refresh token.
pub const REFRESH_COOKIE: &str = "nexus_refresh";

/// The only paths that browsers send the cookie to.
const REFRESH_COOKIE_PATH: &str = "/api/tokens";

/// How a client gets its refresh token.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum RefreshTokenDelivery {
    /// In a cookie that scripts can't read: for browsers.
    #[default]
    Cookie,
    /// In the reply's body: for programs that keep it themselves.
    Body,
}

/// The kind of an access token (RFC 6749 section 7.1).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub enum TokenType {
    /// Sent as `Authorization: Bearer` (RFC 6750).
    Bearer,
}

/// What a client gets when it signs in or refreshes (RFC 6749 section 5.1).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct TokenReply {
    /// Send it as `Authorization: Bearer`.
    #[schema(value_type = String, example = "eyJhbGciOiJFZERTQSJ9.eyJzdWIiOiIuLi4ifQ.c2lnbmF0dXJl")]
    pub access_token: Secret,
    /// Always `Bearer`.
    pub token_type: TokenType,
    /// How long the access token is good, in seconds.
    #[schema(minimum = 0, maximum = 300, example = 300)]
    pub expires_in: u64,
    /// The session that the tokens belong to.
    pub session_id: SessionId,
    /// Good for one refresh; only there when it was asked for in the body. Otherwise it is in the cookie.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>, min_length = 43, max_length = 43, example = "q7Yx0mQ3nV8rT2kLw5Zb9cH4dJ6fG1sA_EpUoXyRiNM")]
    pub refresh_token: Option<Secret>,
}

impl IssuedTokens {
    /// What the client gets: the body, and the value of `Set-Cookie` when the refresh token travels in the cookie.
    pub fn deliver(self, delivery: RefreshTokenDelivery, cookie: RefreshCookie) -> (TokenReply, Option<String>) {
        let (refresh_token, set_cookie) = match delivery {
            RefreshTokenDelivery::Cookie => (None, Some(cookie.set(&self.refresh_token, self.refresh_expires_in))),
            RefreshTokenDelivery::Body => (Some(self.refresh_token), None),
        };
        let reply = TokenReply {
            access_token: self.access_token,
            token_type: TokenType::Bearer,
            expires_in: self.expires_in,
            session_id: self.session_id,
            refresh_token,
        };
        (reply, set_cookie)
    }
}

/// Writes the cookie (RFC 6265 section 4.1): out of reach of scripts and of other sites, and over TLS only where the site has TLS.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RefreshCookie {
    attributes: &'static str,
}

impl RefreshCookie {
    /// The cookie of the site at this address.
    pub fn of(public_url: &str) -> Self {
        let attributes = if public_url.starts_with("https://") { "; Secure" } else { "" };
        Self { attributes }
    }

    /// The value of `Set-Cookie` that stores the token for that many seconds.
    pub fn set(self, token: &Secret, seconds: u64) -> String {
        self.header(token.expose(), seconds)
    }

    /// The value of `Set-Cookie` that removes the token.
    pub fn clear(self) -> String {
        self.header("", 0)
    }

    fn header(self, value: &str, seconds: u64) -> String {
        format!(
            "{REFRESH_COOKIE}={value}; Max-Age={seconds}; Path={REFRESH_COOKIE_PATH}; HttpOnly; SameSite=Strict{}",
            self.attributes
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_cookie_is_out_of_reach_of_scripts_and_other_sites_and_needs_tls_where_there_is_tls() {
        let token = Secret::from("abc");
        assert_eq!(
            RefreshCookie::of("https://cloud.example").set(&token, 60),
            "nexus_refresh=abc; Max-Age=60; Path=/api/tokens; HttpOnly; SameSite=Strict; Secure"
        );
        assert!(!RefreshCookie::of("http://127.0.0.1:3000").set(&token, 60).contains("Secure"));
    }
}
