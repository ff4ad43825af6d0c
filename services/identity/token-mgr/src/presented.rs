//! The refresh token that a client presents: in the body, or in the cookie.

use axum::extract::{FromRequest, Request};
use garde::Validate;
use http::{HeaderMap, header};
use nexus_contracts::token_mgr::{REFRESH_COOKIE, RefreshTokenDelivery};
use nexus_kernel::Problem;
use nexus_kernel::config::Secret;
use nexus_kernel::extract::Valid;
use serde::Deserialize;
use utoipa::ToSchema;

use crate::error::Error;
use crate::refresh_token::RefreshToken;

/// Presents a refresh token. A browser sends no body: its token is in the cookie.
#[derive(Debug, Default, Deserialize, Validate, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct RefreshRequest {
    /// The refresh token of a client that keeps it itself; absent: the one in the cookie counts.
    #[garde(skip)]
    #[schema(value_type = Option<String>, min_length = 43, max_length = 43, example = "q7Yx0mQ3nV8rT2kLw5Zb9cH4dJ6fG1sA_EpUoXyRiNM")]
    refresh_token: Option<Secret>,
}

/// A refresh token and the way that it came, which is the way that the next one goes.
#[derive(Debug)]
pub(crate) struct Presented {
    pub(crate) token: Option<Secret>,
    pub(crate) delivery: RefreshTokenDelivery,
}

impl Presented {
    /// The token, if one came that can be ours.
    pub(crate) fn token(&self) -> Result<RefreshToken, Error> {
        let token = self.token.as_ref().ok_or(Error::InvalidRefreshToken)?;
        RefreshToken::parse(token.expose())
    }
}

impl<S: Send + Sync> FromRequest<S> for Presented {
    type Rejection = Problem;

    async fn from_request(request: Request, state: &S) -> Result<Self, Problem> {
        let cookie = cookie(request.headers());
        let body = if request.headers().contains_key(header::CONTENT_TYPE) {
            Valid::<RefreshRequest>::from_request(request, state).await?.0
        } else {
            RefreshRequest::default()
        };
        Ok(match body.refresh_token {
            Some(token) => Self { token: Some(token), delivery: RefreshTokenDelivery::Body },
            None => Self { token: cookie, delivery: RefreshTokenDelivery::Cookie },
        })
    }
}

/// The refresh cookie's value (RFC 6265 section 5.4).
fn cookie(headers: &HeaderMap) -> Option<Secret> {
    headers
        .get_all(header::COOKIE)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(';'))
        .filter_map(|pair| pair.trim().split_once('='))
        .find(|(name, _)| *name == REFRESH_COOKIE)
        .map(|(_, value)| Secret::from(value))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_cookie_is_found_among_others() {
        let mut headers = HeaderMap::new();
        headers.insert(header::COOKIE, "theme=dark; nexus_refresh=abc; other=1".parse().unwrap());
        assert_eq!(cookie(&headers).unwrap().expose(), "abc");
        headers.insert(header::COOKIE, "not_nexus_refresh=abc".parse().unwrap());
        assert_eq!(cookie(&headers), None);
    }
}
