//! Requests to a service or to the gateway, without a socket.

use std::net::{IpAddr, SocketAddr};

use axum::Router;
use axum::body::{Body, to_bytes};
use axum::extract::ConnectInfo;
use bytes::Bytes;
use http::{HeaderMap, HeaderValue, Method, StatusCode, header};
use nexus_kernel::Caller;
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value;
use tower::ServiceExt;

/// A request in the making.
#[derive(Debug)]
pub struct Request {
    router: Router,
    inner: http::request::Builder,
    body: Bytes,
    caller: Option<Caller>,
    address: Option<SocketAddr>,
}

impl Request {
    pub(crate) fn new(router: Router, method: Method, path: &str) -> Self {
        let inner = http::Request::builder().method(method).uri(path);
        Self { router, inner, body: Bytes::new(), caller: None, address: None }
    }

    /// Adds a header.
    #[must_use]
    pub fn header(mut self, name: &str, value: impl AsRef<str>) -> Self {
        let value = HeaderValue::from_str(value.as_ref()).expect("the test's header value is valid");
        self.inner = self.inner.header(name, value);
        self
    }

    /// Sends this access token.
    #[must_use]
    pub fn bearer(self, token: impl AsRef<str>) -> Self {
        self.header("authorization", format!("Bearer {}", token.as_ref()))
    }

    /// Comes over a connection from this address.
    #[must_use]
    pub fn from_address(mut self, address: impl Into<IpAddr>) -> Self {
        self.address = Some(SocketAddr::new(address.into(), 50_000));
        self
    }

    /// Comes from this service over the mesh.
    #[must_use]
    pub fn from_service(mut self, name: &str) -> Self {
        self.caller = Some(Caller(name.to_owned()));
        self
    }

    /// Sends a JSON body.
    #[must_use]
    pub fn json(mut self, body: impl Serialize) -> Self {
        self.body = serde_json::to_vec(&body).expect("the test's body is JSON").into();
        self.header("content-type", "application/json")
    }

    /// Sends bytes.
    #[must_use]
    pub fn bytes(mut self, body: impl Into<Bytes>) -> Self {
        self.body = body.into();
        self
    }

    /// Sends it and reads the whole reply.
    pub async fn send(self) -> Reply {
        let length = self.body.len();
        let mut request = self
            .inner
            .header(header::CONTENT_LENGTH, length)
            .body(Body::from(self.body))
            .expect("the test's request is valid");
        if let Some(caller) = self.caller {
            request.extensions_mut().insert(caller);
        }
        if let Some(address) = self.address {
            request.extensions_mut().insert(ConnectInfo(address));
        }
        let response = self.router.oneshot(request).await.expect("a router's error type has no values");
        let (parts, body) = response.into_parts();
        let body = to_bytes(body, usize::MAX).await.expect("the reply's body is readable");
        Reply { status: parts.status, headers: parts.headers, body }
    }
}

/// A reply, read whole.
#[derive(Debug, Clone)]
pub struct Reply {
    /// The status.
    pub status: StatusCode,
    /// The headers.
    pub headers: HeaderMap,
    /// The body.
    pub body: Bytes,
}

impl Reply {
    /// Checks the status; the message of a failure shows the reply.
    ///
    /// # Panics
    /// When the status is another.
    #[must_use]
    #[track_caller]
    pub fn expect(self, status: u16) -> Self {
        assert_eq!(self.status.as_u16(), status, "{}", self.text());
        self
    }

    /// The body as JSON.
    ///
    /// # Panics
    /// When it is not JSON.
    #[track_caller]
    pub fn value(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or_else(|error| panic!("{error}: {}", self.text()))
    }

    /// The body as a type.
    ///
    /// # Panics
    /// When it is not that type's JSON.
    #[track_caller]
    pub fn json<T: DeserializeOwned>(&self) -> T {
        serde_json::from_slice(&self.body).unwrap_or_else(|error| panic!("{error}: {}", self.text()))
    }

    /// The body as text.
    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    /// The code of a problem reply; empty when it is none.
    pub fn code(&self) -> String {
        serde_json::from_slice::<Value>(&self.body)
            .ok()
            .and_then(|value| value["code"].as_str().map(str::to_owned))
            .unwrap_or_default()
    }

    /// A header as text; empty when it is absent.
    pub fn header(&self, name: &str) -> String {
        self.headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default().to_owned()
    }
}
