//! The console: its files, and its first page for every address that is the console's own to show.

use std::borrow::Cow;
use std::sync::Arc;

use axum::body::{Body, Bytes};
use axum::extract::Request;
use axum::response::{IntoResponse, Response};
use http::{HeaderMap, HeaderValue, Method, StatusCode, header};
use nexus_kernel::Problem;

const INDEX: &str = "index.html";
/// The build names these files by their content.
const HASHED: &str = "assets/";
/// Encodings that the build may have made beside a file, best first.
const ENCODINGS: [(&str, &str); 2] = [("br", "br"), ("gzip", "gz")];

const NOT_BUILT: &str = "<!doctype html><html lang=\"en\"><meta charset=\"utf-8\"><title>Nexus COS</title>\
    <h1>The console was not built</h1><p>The system runs, and its API answers. To see the console, build it where the \
    program was built: <code>make web</code>, then start again.</p>\
    <p><a href=\"/api-docs\">The API's document</a></p></html>";

/// Where the console's files are.
pub trait Assets: Send + Sync {
    /// The file of this path, as `assets/index-1f2e3d.js`.
    fn get(&self, path: &str) -> Option<Cow<'static, [u8]>>;
}

/// The console, for [`nexus_kernel::Context::state`].
pub(crate) struct Console(Arc<dyn Assets>);

impl Console {
    pub(crate) fn new(assets: Arc<dyn Assets>) -> Self {
        Self(assets)
    }

    pub(crate) fn answer(&self, request: &Request) -> Response {
        if ![Method::GET, Method::HEAD].contains(request.method()) {
            return Problem::method_not_allowed("the console is only read").into_response();
        }
        let path = request.uri().path().trim_start_matches('/');
        match self.file(path, request.headers()) {
            Some(response) if !path.is_empty() => response,
            _ if is_file(path) => Problem::not_found("the console has no such file").into_response(),
            _ => self.file(INDEX, request.headers()).unwrap_or_else(not_built),
        }
    }

    fn file(&self, path: &str, headers: &HeaderMap) -> Option<Response> {
        let (bytes, encoding) = self.bytes(path, headers)?;
        let mut response = Response::new(match bytes {
            Cow::Borrowed(bytes) => Body::from(Bytes::from_static(bytes)),
            Cow::Owned(bytes) => Body::from(bytes),
        });
        let kind = mime_guess::from_path(path).first_or_octet_stream();
        let text =
            if kind.type_() == mime_guess::mime::TEXT { format!("{kind}; charset=utf-8") } else { kind.to_string() };
        let headers = response.headers_mut();
        headers.insert(header::CONTENT_TYPE, HeaderValue::try_from(text).ok()?);
        let kept = if path.starts_with(HASHED) { "public, max-age=31536000, immutable" } else { "no-cache" };
        headers.insert(header::CACHE_CONTROL, HeaderValue::from_static(kept));
        if let Some(encoding) = encoding {
            headers.insert(header::CONTENT_ENCODING, HeaderValue::from_static(encoding));
            headers.append(header::VARY, HeaderValue::from_static("accept-encoding"));
        }
        Some(response)
    }

    fn bytes(&self, path: &str, headers: &HeaderMap) -> Option<(Cow<'static, [u8]>, Option<&'static str>)> {
        let encoded = ENCODINGS
            .into_iter()
            .filter(|(encoding, _)| accepts(headers, encoding))
            .find_map(|(encoding, suffix)| Some((self.0.get(&format!("{path}.{suffix}"))?, Some(encoding))));
        encoded.or_else(|| self.0.get(path).map(|bytes| (bytes, None)))
    }
}

/// The console's own addresses have no dots; what has one was meant to be a file.
fn is_file(path: &str) -> bool {
    path.rsplit('/').next().is_some_and(|last| last.contains('.'))
}

/// RFC 9110 section 12.5.3, of which only "named, and not with weight 0" matters here.
fn accepts(headers: &HeaderMap, encoding: &str) -> bool {
    let values = headers.get_all(header::ACCEPT_ENCODING).into_iter().filter_map(|value| value.to_str().ok());
    values.flat_map(|value| value.split(',')).any(|entry| {
        let mut parts = entry.split(';').map(str::trim);
        let named = parts.next().is_some_and(|name| name.eq_ignore_ascii_case(encoding));
        let refused =
            parts.any(|weight| weight.strip_prefix("q=").is_some_and(|q| q.parse::<f32>().is_ok_and(|q| q == 0.0)));
        named && !refused
    })
}

fn not_built() -> Response {
    let headers = [(header::CONTENT_TYPE, "text/html; charset=utf-8"), (header::CACHE_CONTROL, "no-store")];
    (StatusCode::SERVICE_UNAVAILABLE, headers, NOT_BUILT).into_response()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_encoding_is_accepted_when_it_is_named_and_not_refused() {
        let headers = |value| HeaderMap::from_iter([(header::ACCEPT_ENCODING, HeaderValue::from_static(value))]);
        assert!(accepts(&headers("gzip, deflate, br;q=0.5"), "br"));
        assert!(!accepts(&headers("gzip, br;q=0"), "br") && !accepts(&headers("brotli"), "br"));
        assert!(!accepts(&HeaderMap::new(), "gzip"));
    }
}
