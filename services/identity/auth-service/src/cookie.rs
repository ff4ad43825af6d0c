//! The cookies of this service (RFC 6265): out of reach of scripts and of other sites, and over TLS only where the site has TLS.

use std::borrow::Cow;
use std::time::Duration;

use http::{HeaderMap, header};

use crate::attempt::Subject;
use crate::sign_in_link;
use crate::token::Token;

/// The paths that browsers send them to.
const PATH: &str = "/api/auth";
/// As long as browsers keep a cookie at all (RFC 6265bis section 5.5).
const LONGEST: Duration = Duration::from_hours(400 * 24);

/// A cookie by its name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Cookie {
    name: Cow<'static, str>,
    lifetime: Duration,
}

impl Cookie {
    /// Says which browser it is that signed in to this account before. One an account, so that nobody's browser vouches for
    /// another account.
    pub(crate) fn device(account: &Subject) -> Self {
        Self { name: format!("nexus_device_{}", account.short()).into(), lifetime: LONGEST }
    }

    /// Binds a mailed link to the browser that asked for it.
    pub(crate) fn link() -> Self {
        Self { name: "nexus_sign_in_link".into(), lifetime: sign_in_link::LIFETIME }
    }

    /// Its value in a request.
    pub(crate) fn read(&self, headers: &HeaderMap) -> Option<Token> {
        headers
            .get_all(header::COOKIE)
            .iter()
            .filter_map(|value| value.to_str().ok())
            .flat_map(|value| value.split(';'))
            .filter_map(|pair| pair.trim().split_once('='))
            .find(|(name, _)| *name == self.name)
            .map(|(_, value)| Token::presented(value))
    }

    /// The value of `Set-Cookie` that stores a token, for the site at this address.
    pub(crate) fn set(&self, token: &Token, public_url: &str) -> String {
        self.header(token.secret().expose(), self.lifetime, public_url)
    }

    /// The value of `Set-Cookie` that removes it.
    pub(crate) fn clear(&self, public_url: &str) -> String {
        self.header("", Duration::ZERO, public_url)
    }

    fn header(&self, value: &str, lifetime: Duration, public_url: &str) -> String {
        let secure = if public_url.starts_with("https://") { "; Secure" } else { "" };
        let (name, seconds) = (&self.name, lifetime.as_secs());
        format!("{name}={value}; Max-Age={seconds}; Path={PATH}; HttpOnly; SameSite=Strict{secure}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cookie_is_found_among_others_and_by_its_whole_name() {
        let mut headers = HeaderMap::new();
        headers.append(header::COOKIE, "theme=dark; not_nexus_sign_in_link=abc".parse().unwrap());
        assert_eq!(Cookie::link().read(&headers), None);
        headers.append(header::COOKIE, "a=b; nexus_sign_in_link=abc".parse().unwrap());
        assert_eq!(Cookie::link().read(&headers), Some(Token::presented("abc")));
    }

    #[test]
    fn scripts_and_other_sites_never_see_one_and_tls_is_asked_for_where_there_is_tls() {
        let set = Cookie::link().set(&Token::presented("abc"), "https://cloud.example");
        assert_eq!(set, "nexus_sign_in_link=abc; Max-Age=600; Path=/api/auth; HttpOnly; SameSite=Strict; Secure");
        assert!(!Cookie::link().clear("http://127.0.0.1:3000").contains("Secure"));
    }
}
