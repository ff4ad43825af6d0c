//! Sends a file, whole or in part, with what caches and players need to know (RFC 9110 sections 8, 13 and 14).

use axum::body::Body;
use axum::response::{IntoResponse, Response};
use http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, header};
use nexus_kernel::extract::header_text;
use nexus_kernel::{Context, Problem};

use crate::access::Access;
use crate::error::Error;
use crate::facts::Known;
use crate::file::{Kind, MediaFile};
use crate::range::{Extent, extent};

/// What caches with an interface for it forget together: `Surrogate-Key` of Fastly and Varnish, `Cache-Tag` of Cloudflare.
const SURROGATE_KEYS: [HeaderName; 2] =
    [HeaderName::from_static("surrogate-key"), HeaderName::from_static("cache-tag")];

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
    known: &Known,
    file: &MediaFile,
    asked: Asked<'_>,
) -> Result<Response, Problem> {
    let key = file.key(known.facts.tenant, known.facts.id, &known.rendition);
    let size = ctx.blobs.size(&key).await.map_err(Error::from)?;
    let etag = etag(known, size);
    let mut headers = HeaderMap::new();
    headers.insert(header::ETAG, etag.clone());
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static(cache_control(file.kind, asked.access)));
    if matches!(asked.access, Access::Published { .. }) {
        let key = text(&format!("content-{}", known.facts.id));
        headers.extend(SURROGATE_KEYS.map(|name| (name, key.clone())));
    }
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

/// A file of ready content never changes: its size, its item and who made it tell it from every other at the same address.
fn etag(known: &Known, size: u64) -> HeaderValue {
    let made_by = if known.rendition.is_empty() { known.facts.id.to_string() } else { known.rendition.clone() };
    text(&format!("\"{size:x}-{made_by}\""))
}

fn text(value: &str) -> HeaderValue {
    HeaderValue::try_from(value).expect("ids, digits and signs are a header value")
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
    text(&format!("bytes {range}"))
}

/// Whether an `If-None-Match` names this version; weak tags compare as strong ones (section 13.1.2).
fn names(header: Option<&HeaderValue>, etag: &HeaderValue) -> bool {
    let (Some(Ok(listed)), Ok(etag)) = (header.map(HeaderValue::to_str), etag.to_str()) else { return false };
    listed.split(',').map(str::trim).any(|known| known == "*" || known.trim_start_matches("W/") == etag)
}

/// How long copies may be used (docs/adr/0011). Caches that people share have only what belongs to one publication, and ask
/// again soon: a playlist, without which nobody begins to play, after seconds, and a piece of a film after a minute.
fn cache_control(kind: Kind, access: Access) -> &'static str {
    match (access, kind) {
        (Access::Published { .. }, Kind::Initialisation | Kind::Segment) => {
            "public, max-age=31536000, s-maxage=60, immutable"
        }
        (Access::Published { .. }, Kind::Playlist | Kind::Picture) => "public, max-age=0, s-maxage=5, must-revalidate",
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
