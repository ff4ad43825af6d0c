//! What handlers take in and give back, the same in every service: validated bodies, pages, versions.

use axum::Json;
use axum::extract::rejection::JsonRejection;
use axum::extract::{FromRequest, FromRequestParts, Query, Request};
use axum::response::{IntoResponse, Response};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use garde::Validate;
use http::request::Parts;
use http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use utoipa::openapi::schema::{KnownFormat, ObjectBuilder, SchemaFormat, Type};
use utoipa::openapi::{RefOr, Schema};
use utoipa::{IntoParams, ToSchema};

use crate::problem::Problem;

/// A JSON body that obeys its rules. Not JSON: 400; a wrong or unknown field or a broken rule: 422, with every field named.
#[derive(Debug, Clone)]
pub struct Valid<T>(pub T);

impl<T, S> FromRequest<S> for Valid<T>
where
    T: DeserializeOwned + Validate,
    T::Context: Default,
    S: Send + Sync,
{
    type Rejection = Problem;

    async fn from_request(request: Request, state: &S) -> Result<Self, Problem> {
        let Json(body) = Json::<T>::from_request(request, state).await.map_err(|rejection| unreadable(&rejection))?;
        match body.validate() {
            Ok(()) => Ok(Self(body)),
            Err(report) => Err(report.iter().fold(
                Problem::unprocessable("validation-failed", "mend the fields in `errors` and send it again"),
                |problem, (path, error)| problem.field(path.to_string(), error.message()),
            )),
        }
    }
}

fn unreadable(rejection: &JsonRejection) -> Problem {
    let detail = rejection.body_text();
    match rejection.status() {
        StatusCode::UNPROCESSABLE_ENTITY => Problem::unprocessable("validation-failed", detail),
        StatusCode::PAYLOAD_TOO_LARGE => {
            Problem::new(StatusCode::PAYLOAD_TOO_LARGE, "body-too-large", "Body too large").detail(detail)
        }
        StatusCode::UNSUPPORTED_MEDIA_TYPE => {
            Problem::new(StatusCode::UNSUPPORTED_MEDIA_TYPE, "unsupported-media-type", "Unsupported media type")
                .detail("send the body as application/json")
        }
        _ => Problem::bad_request("invalid-json", detail),
    }
}

/// The longest page.
const MAX_LIMIT: u32 = 200;

#[derive(Debug, Deserialize, IntoParams)]
struct PageQuery {
    cursor: Option<String>,
    limit: Option<u32>,
}

/// Which part of a list is asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Page {
    /// Where the page before ended: the value that [`Paged::of`] got for its last item.
    pub after: Option<String>,
    /// The most items to return, 1 to 200.
    pub limit: u32,
}

impl<S: Send + Sync> FromRequestParts<S> for Page {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        let Query(query) = Query::<PageQuery>::from_request_parts(parts, state)
            .await
            .map_err(|error| Problem::bad_request("invalid-page", error.body_text()))?;
        let limit = query.limit.unwrap_or(50);
        if !(1..=MAX_LIMIT).contains(&limit) {
            return Err(Problem::bad_request("invalid-page", format!("limit must be from 1 to {MAX_LIMIT}")));
        }
        let after = query.cursor.map(|cursor| decode_cursor(&cursor)).transpose()?;
        Ok(Self { after, limit })
    }
}

impl Page {
    /// How many rows to ask the store for: one more than the page, that tells whether another page follows.
    pub fn fetch(&self) -> i64 {
        i64::from(self.limit) + 1
    }
}

fn decode_cursor(cursor: &str) -> Result<String, Problem> {
    let wrong = || Problem::bad_request("invalid-page", "cursor must be the next_cursor of the page before");
    if cursor.len() > 512 {
        return Err(wrong());
    }
    let bytes = URL_SAFE_NO_PAD.decode(cursor).map_err(|_| wrong())?;
    String::from_utf8(bytes).map_err(|_| wrong())
}

/// One page of a list.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Paged<T> {
    /// The items, newest first where nothing else is said.
    pub items: Vec<T>,
    /// Send it as `cursor` to get the next page; absent on the last.
    pub next_cursor: Option<String>,
}

impl<T> Paged<T> {
    /// A page from [`Page::fetch`] rows; `position` is what [`Page::after`] will say when the next page is asked for.
    pub fn of(mut items: Vec<T>, page: &Page, position: impl Fn(&T) -> String) -> Self {
        let limit = usize::try_from(page.limit).unwrap_or(usize::MAX);
        let more = items.len() > limit;
        items.truncate(limit);
        let next_cursor = if more { items.last().map(|last| URL_SAFE_NO_PAD.encode(position(last))) } else { None };
        Self { items, next_cursor }
    }
}

/// The version that an update changes, from `If-Match` (RFC 9110 section 13.1.1).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct IfMatch(pub i64);

impl<S: Sync> FromRequestParts<S> for IfMatch {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Problem> {
        let header = parts.headers.get(header::IF_MATCH).ok_or_else(Problem::precondition_required)?;
        header
            .to_str()
            .ok()
            .and_then(|text| text.strip_prefix('"')?.strip_suffix('"')?.parse().ok())
            .map(Self)
            .ok_or_else(|| Problem::precondition_failed("If-Match must be the ETag that you read"))
    }
}

impl IfMatch {
    /// 412 unless the thing still has this version.
    pub fn check(self, current: i64) -> Result<(), Problem> {
        if self.0 == current {
            return Ok(());
        }
        Err(Problem::precondition_failed("somebody changed it meanwhile; read it again and repeat your change"))
    }
}

/// A reply with its version as `ETag`.
#[derive(Debug, Clone)]
pub struct Versioned<T> {
    /// The version; grows with every change.
    pub version: i64,
    /// The body.
    pub body: T,
}

impl<T: Serialize> IntoResponse for Versioned<T> {
    fn into_response(self) -> Response {
        ([etag(self.version)], Json(self.body)).into_response()
    }
}

/// The `ETag` header of a version.
pub fn etag(version: i64) -> (HeaderName, HeaderValue) {
    let value = HeaderValue::try_from(format!("\"{version}\"")).expect("digits in quotes are a header value");
    (header::ETAG, value)
}

/// Bytes as they are, for the API document: a type for bodies that are no JSON.
#[derive(Debug, Clone, Copy)]
pub enum Binary {}

impl utoipa::PartialSchema for Binary {
    fn schema() -> RefOr<Schema> {
        let format = SchemaFormat::KnownFormat(KnownFormat::Binary);
        ObjectBuilder::new().schema_type(Type::String).format(Some(format)).into()
    }
}

impl ToSchema for Binary {}

/// The one value of a header as text, or `None` when it is absent or not text.
pub fn header_text<'a>(headers: &'a HeaderMap, name: &str) -> Option<&'a str> {
    headers.get(name).and_then(|value| value.to_str().ok())
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn pages_cover_a_list_without_gap_or_repeat(count in 0_usize..40, limit in 1_u32..10) {
            let all: Vec<usize> = (0..count).collect();
            let mut seen = Vec::new();
            let mut page = Page { after: None, limit };
            loop {
                let start = page.after.as_ref().map_or(0, |after| after.parse::<usize>().unwrap() + 1);
                let rows = all.iter().copied().skip(start).take(usize::try_from(page.fetch()).unwrap()).collect();
                let reply = Paged::of(rows, &page, ToString::to_string);
                seen.extend(reply.items);
                match reply.next_cursor {
                    Some(cursor) => page.after = Some(decode_cursor(&cursor).unwrap()),
                    None => break,
                }
            }
            prop_assert_eq!(seen, all);
        }

        #[test]
        fn any_text_as_a_cursor_is_read_or_refused(text in ".{0,600}") {
            let _ = decode_cursor(&text);
        }
    }
}
