//! What the tests have in common: a tus client of a few lines.

use axum::body::Body;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use futures::Stream;
use http::{Method, StatusCode};
use nexus_contracts::puabo_dsp_upload_mgr::{SERVICE, source_key};
use nexus_kernel::{Role, Service};
use nexus_testkit::{Backend, Person, Reply, Request, Testkit, eventually};
use serde_json::Value;
use tower::ServiceExt;

pub(crate) const FILES: &str = "/api/dsp/upload/files";
const PART: &str = "application/offset+octet-stream";

/// The service with content-management, that it hands files to.
pub(crate) async fn start(backend: Backend) -> Testkit {
    Testkit::start(backend, services()).await
}

pub(crate) fn services() -> Vec<Service> {
    vec![puabo_dsp_upload_mgr::service(), content_management::service()]
}

pub(crate) fn editor() -> Person {
    Person::new(Role::Editor)
}

/// That many bytes that begin as an MP4 does.
pub(crate) fn film(bytes: usize) -> Bytes {
    let mut film = b"\0\0\0\x20ftypisom\0\0\x02\0isomiso2avc1mp41".to_vec();
    film.extend((film.len()..bytes).map(|place| u8::try_from(place % 251).unwrap()));
    film.truncate(bytes);
    film.into()
}

/// A request that speaks tus.
pub(crate) fn tus(kit: &Testkit, by: &Person, method: Method, path: &str) -> Request {
    kit.request(method, path).bearer(kit.token(by)).header("tus-resumable", "1.0.0")
}

/// `Upload-Metadata` of these pairs.
pub(crate) fn metadata(pairs: &[(&str, &str)]) -> String {
    pairs.iter().map(|(key, value)| format!("{key} {}", STANDARD.encode(value))).collect::<Vec<_>>().join(",")
}

/// Begins an upload; its address.
pub(crate) async fn create(kit: &Testkit, by: &Person, size: usize) -> String {
    let reply = tus(kit, by, Method::POST, FILES)
        .header("upload-length", size.to_string())
        .header("upload-metadata", metadata(&[("filename", "film.mp4"), ("title", "My film")]))
        .send()
        .await;
    reply.expect(201).header("location")
}

/// A part on its way; add headers and send it.
pub(crate) fn part(kit: &Testkit, by: &Person, location: &str, offset: usize, bytes: impl Into<Bytes>) -> Request {
    tus(kit, by, Method::PATCH, location)
        .header("upload-offset", offset.to_string())
        .header("content-type", PART)
        .bytes(bytes)
}

/// Where the upload is, as HEAD says.
pub(crate) async fn offset(kit: &Testkit, by: &Person, location: &str) -> usize {
    tus(kit, by, Method::HEAD, location).send().await.expect(200).header("upload-offset").parse().unwrap()
}

/// Uploads a whole file; its address.
pub(crate) async fn upload(kit: &Testkit, by: &Person, bytes: Bytes) -> String {
    let location = create(kit, by, bytes.len()).await;
    let _ = part(kit, by, &location, 0, bytes).send().await.expect(204);
    location
}

/// Sends a part whose body is a stream, as a slow or broken connection makes it. The code of the problem, if it is one.
pub(crate) async fn stream(
    kit: &Testkit,
    by: &Person,
    location: &str,
    offset: usize,
    headers: &[(&str, &str)],
    body: impl Stream<Item = std::io::Result<Bytes>> + Send + 'static,
) -> (StatusCode, String) {
    let mut request = http::Request::patch(location)
        .header("authorization", format!("Bearer {}", kit.token(by)))
        .header("tus-resumable", "1.0.0")
        .header("upload-offset", offset)
        .header("content-type", PART);
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    let request = request.body(Body::from_stream(body)).unwrap();
    let response = kit.cloud.router(SERVICE).unwrap().oneshot(request).await.unwrap();
    let status = response.status();
    let body = axum::body::to_bytes(response.into_body(), 1 << 20).await.unwrap();
    let code =
        serde_json::from_slice::<Value>(&body).ok().and_then(|problem| problem["code"].as_str().map(str::to_owned));
    (status, code.unwrap_or_default())
}

/// The id at the end of an address.
pub(crate) fn id(location: &str) -> &str {
    location.rsplit('/').next().unwrap()
}

/// The upload as its owner's list shows it.
pub(crate) async fn listed(kit: &Testkit, by: &Person, location: &str) -> Reply {
    kit.get(&format!("/api/dsp/upload/uploads/{}", id(location))).bearer(kit.token(by)).send().await
}

/// Waits until the upload is in this state.
pub(crate) async fn becomes(kit: &Testkit, by: &Person, location: &str, state: &str) -> Value {
    eventually(&format!("the upload is {state}"), async || {
        let upload = listed(kit, by, location).await.expect(200).value();
        (upload["state"] == state).then_some(upload)
    })
    .await
}

/// The blobs that an unfinished upload grows in.
pub(crate) async fn unfinished(kit: &Testkit, location: &str) -> Vec<String> {
    kit.context(SERVICE).blobs.list(&format!("incoming/{}", id(location))).await.unwrap()
}

/// How many bytes the blob store has of the upload.
pub(crate) async fn stored(kit: &Testkit, by: &Person, location: &str) -> Option<u64> {
    kit.context(SERVICE).blobs.size(&source_key(by.tenant, id(location).parse().unwrap())).await.ok()
}
