//! tus 1.0.0 in headers: what every request must say and every reply says.

use axum::extract::Request;
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use http::{HeaderMap, HeaderName, HeaderValue, Method, header};
use nexus_kernel::extract::header_text;
use nexus_kernel::{Context, Problem, Timestamp};

use crate::checksum::{ALGORITHMS, Checksum};
use crate::error::Error;
use crate::metadata::Metadata;
use crate::upload::StoredUpload;

/// The version that is spoken.
pub(crate) const VERSION: &str = "1.0.0";
/// The extensions that are spoken.
pub(crate) const EXTENSIONS: &str = "creation,creation-with-upload,termination,checksum,expiration";
/// The media type of a part.
pub(crate) const PART_TYPE: &str = "application/offset+octet-stream";

pub(crate) const TUS_RESUMABLE: HeaderName = HeaderName::from_static("tus-resumable");
pub(crate) const TUS_VERSION: HeaderName = HeaderName::from_static("tus-version");
pub(crate) const TUS_EXTENSION: HeaderName = HeaderName::from_static("tus-extension");
pub(crate) const TUS_MAX_SIZE: HeaderName = HeaderName::from_static("tus-max-size");
pub(crate) const TUS_CHECKSUM_ALGORITHM: HeaderName = HeaderName::from_static("tus-checksum-algorithm");
pub(crate) const UPLOAD_OFFSET: HeaderName = HeaderName::from_static("upload-offset");
pub(crate) const UPLOAD_LENGTH: HeaderName = HeaderName::from_static("upload-length");
pub(crate) const UPLOAD_METADATA: HeaderName = HeaderName::from_static("upload-metadata");
pub(crate) const UPLOAD_EXPIRES: HeaderName = HeaderName::from_static("upload-expires");
pub(crate) const UPLOAD_CHECKSUM: HeaderName = HeaderName::from_static("upload-checksum");
pub(crate) const METHOD_OVERRIDE: HeaderName = HeaderName::from_static("x-http-method-override");

/// Around the tus routes: the version on both ways. Only `OPTIONS` may ask without one (tus 1.0.0, Tus-Resumable).
pub(crate) async fn layer(request: Request, next: Next) -> Response {
    let spoken = header_text(request.headers(), TUS_RESUMABLE.as_str()) == Some(VERSION);
    let mut response = if spoken || request.method() == Method::OPTIONS {
        next.run(request).await
    } else {
        let mut refused = Problem::from(Error::WrongVersion).into_response();
        refused.headers_mut().insert(TUS_VERSION, HeaderValue::from_static(VERSION));
        refused
    };
    let headers = response.headers_mut();
    headers.insert(TUS_RESUMABLE, HeaderValue::from_static(VERSION));
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response
}

/// What the server can do, for `OPTIONS`.
pub(crate) fn abilities(ctx: &Context) -> HeaderMap {
    let mut headers = HeaderMap::new();
    headers.insert(TUS_VERSION, HeaderValue::from_static(VERSION));
    headers.insert(TUS_EXTENSION, HeaderValue::from_static(EXTENSIONS));
    headers.insert(TUS_MAX_SIZE, HeaderValue::from(ctx.config.media.max_upload_bytes));
    headers.insert(TUS_CHECKSUM_ALGORITHM, HeaderValue::from_static(ALGORITHMS));
    headers
}

/// Where an upload is: its offset, and until when it lives.
pub(crate) fn progress(stored: &StoredUpload) -> HeaderMap {
    let mut headers = HeaderMap::new();
    headers.insert(UPLOAD_OFFSET, HeaderValue::from(stored.upload.offset));
    if let Some(expires) = stored.upload.expires_at.and_then(http_date) {
        headers.insert(UPLOAD_EXPIRES, expires);
    }
    headers
}

/// All that is known of an upload, for `HEAD`.
pub(crate) fn description(stored: &StoredUpload) -> HeaderMap {
    let mut headers = progress(stored);
    headers.insert(UPLOAD_LENGTH, HeaderValue::from(stored.upload.size));
    // What is stored came in as a header.
    if let (false, Ok(raw)) = (stored.metadata.raw.is_empty(), HeaderValue::try_from(&stored.metadata.raw)) {
        headers.insert(UPLOAD_METADATA, raw);
    }
    headers
}

/// IMF-fixdate (RFC 9110 section 5.6.7).
fn http_date(instant: Timestamp) -> Option<HeaderValue> {
    let instant = jiff::Timestamp::from_microsecond(instant.as_micros()).ok()?;
    let text = jiff::fmt::rfc2822::DateTimePrinter::new().timestamp_to_rfc9110_string(&instant).ok()?;
    HeaderValue::try_from(text).ok()
}

/// A new upload's size and description.
pub(crate) fn new_upload(headers: &HeaderMap, most: u64) -> Result<(u64, Metadata), Error> {
    let size: u64 = header_text(headers, UPLOAD_LENGTH.as_str()).and_then(whole_number).ok_or(Error::NoLength)?;
    match size {
        0 => return Err(Error::Empty),
        size if size > most => return Err(Error::TooLarge(most)),
        _ => {}
    }
    let raw = match headers.get(UPLOAD_METADATA) {
        Some(value) => value.to_str().map_err(|_| crate::metadata::MetadataError::TooLong)?,
        None => "",
    };
    Ok((size, Metadata::parse(raw)?))
}

/// Whether the request's body is a part of a file.
pub(crate) fn has_part(headers: &HeaderMap) -> bool {
    header_text(headers, header::CONTENT_TYPE.as_str()) == Some(PART_TYPE)
}

/// Where a part begins.
pub(crate) fn offset(headers: &HeaderMap) -> Result<u64, Error> {
    header_text(headers, UPLOAD_OFFSET.as_str()).and_then(whole_number).ok_or(Error::NoOffset)
}

/// How long the body is, when the sender says so.
pub(crate) fn length(headers: &HeaderMap) -> Option<u64> {
    header_text(headers, header::CONTENT_LENGTH.as_str()).and_then(whole_number)
}

/// The digest that the part must have, when the sender says so.
pub(crate) fn checksum(headers: &HeaderMap) -> Result<Option<Checksum>, Error> {
    let Some(value) = headers.get(UPLOAD_CHECKSUM) else { return Ok(None) };
    let text = value.to_str().map_err(|_| Error::InvalidChecksum)?;
    Checksum::parse(text).map(Some)
}

/// Digits only: no sign, no spaces.
fn whole_number(text: &str) -> Option<u64> {
    if text.bytes().all(|byte| byte.is_ascii_digit()) {
        text.parse().ok().filter(|size| i64::try_from(*size).is_ok())
    } else {
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(pairs: &[(&'static str, &str)]) -> HeaderMap {
        pairs.iter().map(|(name, value)| (HeaderName::from_static(name), value.parse().unwrap())).collect()
    }

    #[test]
    fn a_length_is_digits_within_the_limit() {
        let size = |text: &str| new_upload(&headers(&[("upload-length", text)]), 100).map(|(size, _)| size);
        assert_eq!(size("100").unwrap(), 100);
        assert!(matches!(size("0"), Err(Error::Empty)));
        assert!(matches!(size("101"), Err(Error::TooLarge(100))));
        for text in ["", "-1", "+5", "1.5", " 7", "0x10", "99999999999999999999999", "9223372036854775808"] {
            assert!(matches!(size(text), Err(Error::NoLength)), "{text}");
        }
    }

    #[test]
    fn dates_are_as_http_writes_them() {
        let date = http_date(Timestamp::from_micros(1_403_712_000_000_000)).unwrap();
        assert_eq!(date, "Wed, 25 Jun 2014 16:00:00 GMT");
    }
}
