//! What a request carries to prove who asks.

use http::HeaderMap;
use http::header::AUTHORIZATION;

use super::verifier::invalid;
use crate::problem::Problem;

/// Where clients of Vault put their token.
pub const VAULT_TOKEN: &str = "x-vault-token";

/// How a token is presented.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Scheme {
    /// Whoever has the token may use it (RFC 6750 section 2.1).
    Bearer,
    /// With a proof that the sender has the key that the token is bound to (RFC 9449 section 7.1).
    DPoP,
}

/// A token as it was presented.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Credentials<'a> {
    /// How.
    pub scheme: Scheme,
    /// The token.
    pub token: &'a str,
}

impl std::fmt::Debug for Credentials<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Credentials").field("scheme", &self.scheme).finish_non_exhaustive()
    }
}

/// The token of a request, if it carries one.
pub fn credentials(headers: &HeaderMap) -> Result<Option<Credentials<'_>>, Problem> {
    let mut fields = headers.get_all(AUTHORIZATION).iter();
    let Some(header) = fields.next() else { return vault_token(headers) };
    if fields.next().is_some() {
        return Err(invalid("there is more than one Authorization header"));
    }
    let text = header.to_str().map_err(|_| invalid("the Authorization header is not text"))?;
    let wrong = || invalid("the Authorization header is not `Bearer <token>`");
    let (scheme, token) = text.split_once(' ').ok_or_else(wrong)?;
    let scheme = match scheme {
        _ if scheme.eq_ignore_ascii_case("bearer") => Scheme::Bearer,
        _ if scheme.eq_ignore_ascii_case("dpop") => Scheme::DPoP,
        _ => return Err(wrong()),
    };
    Ok(Some(Credentials { scheme, token: token.trim() }))
}

/// The token of a request that anybody who has it may use, if it carries one.
pub fn bearer(headers: &HeaderMap) -> Result<Option<&str>, Problem> {
    match credentials(headers)? {
        Some(Credentials { scheme: Scheme::Bearer, token }) => Ok(Some(token)),
        Some(_) => Err(invalid("proofs of possession are not taken here; send it as `Authorization: Bearer`")),
        None => Ok(None),
    }
}

fn vault_token(headers: &HeaderMap) -> Result<Option<Credentials<'_>>, Problem> {
    let Some(header) = headers.get(VAULT_TOKEN) else { return Ok(None) };
    let token = header.to_str().map_err(|_| invalid("the X-Vault-Token header is not text"))?;
    Ok(Some(Credentials { scheme: Scheme::Bearer, token: token.trim() }))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(pairs: &[(&'static str, &'static str)]) -> HeaderMap {
        let mut headers = HeaderMap::new();
        for (name, value) in pairs {
            headers.append(*name, value.parse().unwrap());
        }
        headers
    }

    #[test]
    fn a_token_is_found_where_clients_put_it_and_nowhere_else() {
        let found = |pairs: &[_]| bearer(&headers(pairs)).map(|token| token.map(str::to_owned));
        assert_eq!(found(&[]).unwrap(), None);
        assert_eq!(found(&[("authorization", "bearer  a")]).unwrap().as_deref(), Some("a"));
        assert_eq!(found(&[("x-vault-token", "v")]).unwrap().as_deref(), Some("v"));
        assert_eq!(found(&[("x-vault-token", "v"), ("authorization", "Bearer a")]).unwrap().as_deref(), Some("a"));
        for wrong in ["Basic YTpi", "a", "", "DPoP a"] {
            assert_eq!(found(&[("authorization", wrong)]).unwrap_err().code(), "invalid-token", "{wrong}");
        }
        assert!(found(&[("authorization", "Bearer a"), ("authorization", "Bearer b")]).is_err());
    }

    #[test]
    fn a_token_that_is_bound_to_a_key_says_so_by_its_scheme() {
        let bound = headers(&[("authorization", "dpop t")]);
        let found = credentials(&bound).unwrap().unwrap();
        assert_eq!((found.scheme, found.token), (Scheme::DPoP, "t"));
        assert!(!format!("{found:?}").contains("\"t\""));
    }
}
