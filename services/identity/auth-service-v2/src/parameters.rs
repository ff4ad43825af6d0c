//! The parameters of a protocol request: a query or a form, in which nothing is said twice (RFC 6749 section 3.1).

use std::collections::BTreeMap;

use axum::body::to_bytes;
use axum::extract::{FromRequest, FromRequestParts, Request};
use http::request::Parts;
use http::{Method, header};

use crate::oauth_error::OAuthError;

/// The largest form that is read, in bytes: an assertion and a token with room.
const MAX_BYTES: usize = 64 << 10;
/// The most parameters that are read.
const MAX_PARAMETERS: usize = 64;

/// Parameters by their names. What has no value is not there.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct Parameters(BTreeMap<String, String>);

impl Parameters {
    fn parse(text: &[u8]) -> Result<Self, OAuthError> {
        let mut seen = BTreeMap::new();
        for (count, (name, value)) in url::form_urlencoded::parse(text).enumerate() {
            if count >= MAX_PARAMETERS {
                return Err(OAuthError::invalid_request("there are too many parameters"));
            }
            if seen.insert(name.to_string(), value.into_owned()).is_some() {
                return Err(OAuthError::invalid_request(format!("{name} is there twice")));
            }
        }
        seen.retain(|_, value: &mut String| !value.is_empty());
        Ok(Self(seen))
    }

    /// A value, if it is there.
    pub(crate) fn get(&self, name: &str) -> Option<&str> {
        self.0.get(name).map(String::as_str)
    }

    /// A value that must be there.
    pub(crate) fn require(&self, name: &str) -> Result<&str, OAuthError> {
        self.get(name).ok_or_else(|| OAuthError::invalid_request(format!("{name} is missing")))
    }
}

#[cfg(test)]
impl Parameters {
    /// These, for a test.
    pub(crate) fn of(pairs: &[(&str, &str)]) -> Self {
        Self(pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect())
    }
}

/// The parameters of a form (RFC 6749 appendix B).
#[derive(Debug)]
pub(crate) struct Form(pub(crate) Parameters);

impl<S: Send + Sync> FromRequest<S> for Form {
    type Rejection = OAuthError;

    async fn from_request(request: Request, _: &S) -> Result<Self, OAuthError> {
        let kind = request.headers().get(header::CONTENT_TYPE).and_then(|kind| kind.to_str().ok()).unwrap_or_default();
        let kind = kind.split(';').next().unwrap_or_default().trim();
        if !kind.eq_ignore_ascii_case("application/x-www-form-urlencoded") {
            return Err(OAuthError::invalid_request("send the parameters as application/x-www-form-urlencoded"));
        }
        let body = to_bytes(request.into_body(), MAX_BYTES).await.map_err(|_| {
            OAuthError::invalid_request(format!("the form could not be read, or is larger than {MAX_BYTES} bytes"))
        })?;
        Parameters::parse(&body).map(Self)
    }
}

/// The parameters of an endpoint that takes them either way: the query of a GET, the form of a POST.
#[derive(Debug)]
pub(crate) struct Either(pub(crate) Parameters);

impl<S: Send + Sync> FromRequest<S> for Either {
    type Rejection = OAuthError;

    async fn from_request(request: Request, state: &S) -> Result<Self, OAuthError> {
        if request.method() == Method::POST {
            let Form(parameters) = Form::from_request(request, state).await?;
            return Ok(Self(parameters));
        }
        Parameters::parse(request.uri().query().unwrap_or_default().as_bytes()).map(Self)
    }
}

/// Where a request comes from, as the gateway says.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct Asker {
    /// The network address; empty when no gateway stands before.
    pub(crate) address: String,
    /// `User-Agent`, as it came.
    pub(crate) user_agent: String,
}

impl<S: Sync> FromRequestParts<S> for Asker {
    type Rejection = std::convert::Infallible;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Self::Rejection> {
        let text = |name: &str| parts.headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default();
        // The gateway replaces what clients send here, and what it adds is the last entry.
        let address = text("x-forwarded-for").rsplit(',').next().unwrap_or_default().trim().to_owned();
        Ok(Self { address, user_agent: text(header::USER_AGENT.as_str()).to_owned() })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_said_twice_is_refused_and_what_is_empty_was_not_said() {
        let parameters = Parameters::parse(b"a=1&b=&c=x%20y+z").unwrap();
        assert_eq!((parameters.get("a"), parameters.get("b"), parameters.get("c")), (Some("1"), None, Some("x y z")));
        assert!(parameters.require("b").is_err());
        assert!(Parameters::parse(b"a=1&a=2").is_err() && Parameters::parse(b"a=&a=1").is_err());
        assert!(Parameters::parse("a=1&".repeat(65).as_bytes()).is_err());
    }
}
