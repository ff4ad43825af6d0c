//! Sends a file, whole or in part, with what caches and players need to know (RFC 9110 sections 8, 13 and 14).

use axum::body::Body;
use axum::response::{IntoResponse, Response};
use http::{HeaderMap, HeaderValue, Method, StatusCode, header};
use nexus_contracts::content_management::ContentFacts;
use nexus_kernel::extract::header_text;
use nexus_kernel::{Context, Problem};

use crate::access::Access;
use crate::error::Error;
use crate::file::{Kind, MediaFile};
use crate::range::{Extent, extent};

/// How a file is asked for.
#[derive(Debug)]
pub(crate) struct Asked<'a> {
    pub(crate) method: &'a Method,
    pub(crate) headers: &'a HeaderMap,
    pub(crate) access: Access,
}

/// The reply with a file.
pub(crate) async fn deliver(
    ctx: &Context,
    facts: &ContentFacts,
    file: &MediaFile,
    asked: Asked<'_>,
) -> Result<Response, Problem> {
    let key = file.key(facts.tenant, facts.id);
    let size = ctx.blobs.size(&key).await.map_err(Error::from)?;
    let etag = etag(facts, size);
    let mut headers = HeaderMap::new();
    headers.insert(header::ETAG, etag.clone());
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static(cache_control(file.kind, asked.access)));
    headers.insert(header::ACCEPT_RANGES, HeaderValue::from_static("bytes"));
    if names(asked.headers.get(header::IF_NONE_MATCH), &etag) {
        return Ok((StatusCode::NOT_MODIFIED, headers).into_response());
    }
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(file.kind.media_type()));
    let (status, part) = match wanted(&asked, &etag, size) {
        Ok(Extent::Whole) => (StatusCode::OK, None),
        Ok(Extent::Part(part)) => (StatusCode::PARTIAL_CONTENT, Some(part)),
        Err(error) => return Ok(unsatisfiable(error, size)),
    };
    let length = part.as_ref().map_or(size, |part| part.end - part.start);
    headers.insert(header::CONTENT_LENGTH, HeaderValue::from(length));
    if let Some(part) = &part {
        headers.insert(header::CONTENT_RANGE, content_range(&format!("{}-{}/{size}", part.start, part.end - 1)));
    }
    let body = match *asked.method {
        Method::HEAD => Body::empty(),
        _ => Body::from_stream(ctx.blobs.get_stream(&key, part).await.map_err(Error::from)?),
    };
    Ok((status, headers, body).into_response())
}

/// A file of ready content never changes: its size and its item tell it from every other at the same address.
fn etag(facts: &ContentFacts, size: u64) -> HeaderValue {
    HeaderValue::try_from(format!("\"{size:x}-{}\"", facts.id))
        .expect("an id and hexadecimal digits are a header value")
}

/// Which bytes are asked for. A range counts for GET alone (section 14.2), and only of the file that `If-Range` means.
fn wanted(asked: &Asked<'_>, etag: &HeaderValue, size: u64) -> Result<Extent, Error> {
    let same = asked.headers.get(header::IF_RANGE).is_none_or(|known| known == etag);
    if asked.method != Method::GET || !same {
        return Ok(Extent::Whole);
    }
    extent(header_text(asked.headers, header::RANGE.as_str()), size)
}

fn unsatisfiable(error: Error, size: u64) -> Response {
    let range = content_range(&format!("*/{size}"));
    ([(header::CONTENT_RANGE, range)], Problem::from(error)).into_response()
}

fn content_range(range: &str) -> HeaderValue {
    HeaderValue::try_from(format!("bytes {range}")).expect("digits and signs are a header value")
}

/// Whether an `If-None-Match` names this version; weak tags compare as strong ones (section 13.1.2).
fn names(header: Option<&HeaderValue>, etag: &HeaderValue) -> bool {
    let (Some(Ok(listed)), Ok(etag)) = (header.map(HeaderValue::to_str), etag.to_str()) else { return false };
    listed.split(',').map(str::trim).any(|known| known == "*" || known.trim_start_matches("W/") == etag)
}

/// How long copies may be used. Nothing is for caches that people share: they would go on serving what was taken back.
fn cache_control(kind: Kind, access: Access) -> &'static str {
    match (access, kind) {
        (Access::Public, Kind::Initialisation | Kind::Segment) => "private, max-age=31536000, immutable",
        (Access::Public, Kind::Playlist | Kind::Picture) => "private, no-cache",
        (Access::Signed { .. }, Kind::Initialisation | Kind::Segment) => "private, max-age=300, immutable",
        (Access::Signed { .. }, Kind::Playlist | Kind::Picture) => "no-store",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_known_version_is_found_in_a_list_of_tags() {
        let etag = HeaderValue::from_static("\"a-1\"");
        let known = |list: &'static str| names(Some(&HeaderValue::from_static(list)), &etag);
        assert!(known("\"a-1\"") && known("W/\"a-1\"") && known("\"b\", \"a-1\"") && known("*"));
        assert!(!known("\"a\"") && !known("") && !names(None, &etag));
    }
}
