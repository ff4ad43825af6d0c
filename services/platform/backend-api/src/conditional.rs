//! Conditional reads: a reply that the client has already is 304 without a body (RFC 9110 section 13.1.2). What anybody may
//! read gets a tag made from its bytes where the service gave it none.

use axum::body::{Body, Bytes};
use axum::extract::Request;
use axum::response::Response;
use http::{HeaderMap, HeaderValue, Method, StatusCode, header};
use http_body::Body as _;
use http_body_util::BodyExt;
use sha2::{Digest, Sha256};

/// Larger replies get no tag of ours, in bytes.
const LARGEST: u64 = 1 << 20;

/// What the reply needs to know of its request.
pub(crate) struct Reading {
    reads: bool,
    anonymous: bool,
    can_be_tagged: bool,
    known: Vec<HeaderValue>,
}

impl Reading {
    pub(crate) fn of(request: &Request) -> Self {
        let headers = request.headers();
        let anonymous = !headers.contains_key(header::AUTHORIZATION);
        Self {
            reads: [Method::GET, Method::HEAD].contains(request.method()),
            anonymous,
            can_be_tagged: request.method() == Method::GET && anonymous,
            known: headers.get_all(header::IF_NONE_MATCH).iter().cloned().collect(),
        }
    }

    /// The reply as it was made, or what tells the client that it has it.
    pub(crate) async fn answer(self, mut response: Response) -> Response {
        if !self.reads || response.status() != StatusCode::OK {
            return response;
        }
        if self.can_be_tagged && wants_tag(&response) {
            response = Box::pin(tagged(response)).await;
        }
        let headers = response.headers_mut();
        let kept = if self.anonymous { "no-cache" } else { "private, no-cache" };
        headers.entry(header::CACHE_CONTROL).or_insert(HeaderValue::from_static(kept));
        headers.append(header::VARY, HeaderValue::from_static("authorization"));
        match headers.get(header::ETAG) {
            Some(tag) if self.known.iter().any(|known| names(known, tag)) => not_modified(response.headers()),
            _ => response,
        }
    }
}

fn wants_tag(response: &Response) -> bool {
    let headers = response.headers();
    let forbidden = headers.get(header::CACHE_CONTROL).and_then(|value| value.to_str().ok()).is_some_and(|value| {
        // What never changes needs no question whether it did.
        value.contains("no-store") || value.contains("immutable")
    });
    let small = response.body().size_hint().exact().is_some_and(|size| size <= LARGEST);
    small && !forbidden && !headers.contains_key(header::ETAG) && !headers.contains_key(header::SET_COOKIE)
}

/// Weak (section 8.8.1), as compression may change the bytes on the way.
async fn tagged(response: Response) -> Response {
    let (mut parts, body) = response.into_parts();
    // A body that breaks is passed on broken: it has its length, so the client sees that it is not whole.
    let bytes = match body.collect().await {
        Ok(whole) => whole.to_bytes(),
        Err(error) => {
            tracing::warn!(%error, "a reply broke off");
            return Response::from_parts(parts, Body::from_stream(futures::stream::iter([Err::<Bytes, _>(error)])));
        }
    };
    let digest = Sha256::digest(&bytes);
    let hex = digest.iter().take(16).fold(String::new(), |hex, byte| format!("{hex}{byte:02x}"));
    if let Ok(tag) = HeaderValue::try_from(format!("W/\"{hex}\"")) {
        parts.headers.insert(header::ETAG, tag);
    }
    Response::from_parts(parts, Body::from(bytes))
}

/// Whether an `If-None-Match` names the tag, by weak comparison (section 8.8.3.2).
fn names(known: &HeaderValue, tag: &HeaderValue) -> bool {
    let (Ok(known), Ok(tag)) = (known.to_str(), tag.to_str()) else { return false };
    let opaque = |tag: &'_ str| tag.trim().trim_start_matches("W/").to_owned();
    known.trim() == "*" || known.split(',').any(|known| opaque(known) == opaque(tag))
}

/// Section 15.4.5 names what a 304 repeats.
fn not_modified(headers: &HeaderMap) -> Response {
    let mut response = Response::new(Body::empty());
    *response.status_mut() = StatusCode::NOT_MODIFIED;
    for name in
        [header::ETAG, header::CACHE_CONTROL, header::CONTENT_LOCATION, header::DATE, header::EXPIRES, header::VARY]
    {
        for value in headers.get_all(&name) {
            response.headers_mut().append(&name, value.clone());
        }
    }
    response
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tags_are_compared_weakly_and_in_lists() {
        let value = HeaderValue::from_static;
        assert!(names(&value("W/\"a\""), &value("\"a\"")));
        assert!(names(&value("\"x\", W/\"a\""), &value("W/\"a\"")));
        assert!(names(&value("*"), &value("\"a\"")));
        assert!(!names(&value("\"b\""), &value("\"a\"")));
        assert!(!names(&value("\"\""), &value("\"a\"")));
    }
}
