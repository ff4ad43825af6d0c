//! The service behind a mesh call.

use axum::extract::{FromRequestParts, OptionalFromRequestParts};
use http::request::Parts;

use crate::problem::Problem;

/// The service that makes a mesh call. The mesh puts it into the request; nothing outside the mesh can.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Caller(pub String);

impl Caller {
    /// 403 unless the caller is one of these.
    pub fn must_be(&self, allowed: &[&str]) -> Result<(), Problem> {
        if allowed.contains(&self.0.as_str()) {
            return Ok(());
        }
        Err(Problem::forbidden("caller-not-allowed", format!("{} may not call this", self.0)))
    }
}

impl<S: Sync> FromRequestParts<S> for Caller {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Problem> {
        parts.extensions.get::<Self>().cloned().ok_or_else(|| Problem::not_found("there is nothing at this path"))
    }
}

impl<S: Sync> OptionalFromRequestParts<S> for Caller {
    type Rejection = std::convert::Infallible;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Option<Self>, Self::Rejection> {
        Ok(parts.extensions.get::<Self>().cloned())
    }
}
