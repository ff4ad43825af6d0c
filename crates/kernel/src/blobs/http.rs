//! The HTTP client of object stores: hyper and rustls, as everywhere else in the kernel.

use std::time::Duration;

use async_trait::async_trait;
use http_body_util::BodyExt;
use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder};
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector as TcpConnector;
use hyper_util::rt::{TokioExecutor, TokioTimer};
use object_store::ClientOptions;
use object_store::client::{
    HttpClient, HttpConnector, HttpError, HttpErrorKind, HttpRequest, HttpRequestBody, HttpResponse, HttpResponseBody,
    HttpService,
};
use tower::BoxError;
use tower_http::timeout::{TimeoutBody, TimeoutError};

/// How long the store may take to accept a connection.
const CONNECT: Duration = Duration::from_secs(5);
/// How long a request may take until its answer begins; a part of eight megabytes is on its way meanwhile.
const ANSWER: Duration = Duration::from_mins(1);
/// How long the store may be silent in the middle of an answer.
const SILENCE: Duration = Duration::from_secs(30);
/// How long a connection that nobody uses is kept.
const IDLE: Duration = Duration::from_secs(30);

/// Makes connections, with certificates checked against the authorities of this machine.
#[derive(Debug, Clone)]
pub(super) struct Connector(Client<HttpsConnector<TcpConnector>, HttpRequestBody>);

impl Connector {
    pub(super) fn new() -> std::io::Result<Self> {
        let mut tcp = TcpConnector::new();
        tcp.set_connect_timeout(Some(CONNECT));
        tcp.set_nodelay(true);
        tcp.enforce_http(false);
        let connector = HttpsConnectorBuilder::new()
            .with_provider_and_native_roots(rustls::crypto::ring::default_provider())?
            // Which of the two is for the endpoint's address to say, and nobody is sent anywhere else.
            .https_or_http()
            .enable_http1()
            .wrap_connector(tcp);
        let client = Client::builder(TokioExecutor::new())
            .pool_timer(TokioTimer::new())
            .pool_idle_timeout(IDLE)
            .build(connector);
        Ok(Self(client))
    }

    /// The client itself.
    pub(super) fn client(&self) -> HttpClient {
        HttpClient::new(self.clone())
    }
}

impl HttpConnector for Connector {
    fn connect(&self, _options: &ClientOptions) -> object_store::Result<HttpClient> {
        Ok(self.client())
    }
}

#[async_trait]
impl HttpService for Connector {
    async fn call(&self, request: HttpRequest) -> Result<HttpResponse, HttpError> {
        let late = |_| HttpError::new(HttpErrorKind::Timeout, Late(ANSWER));
        let reply = tokio::time::timeout(ANSWER, self.0.request(request)).await.map_err(late)?.map_err(refused)?;
        let (parts, body) = reply.into_parts();
        Ok(HttpResponse::from_parts(parts, HttpResponseBody::new(TimeoutBody::new(SILENCE, body).map_err(broken))))
    }
}

/// The store did not answer in time.
#[derive(Debug, thiserror::Error)]
#[error("no answer within {} s", .0.as_secs())]
struct Late(Duration);

fn refused(error: hyper_util::client::legacy::Error) -> HttpError {
    let kind = if error.is_connect() { HttpErrorKind::Connect } else { kind_of(&error) };
    HttpError::new(kind, error)
}

fn broken(error: BoxError) -> HttpError {
    let kind = if error.is::<TimeoutError>() { HttpErrorKind::Timeout } else { kind_of(&*error) };
    HttpError::new_boxed(kind, error)
}

/// What kind of failure it is, from whatever caused it: that decides whether the request is made again.
fn kind_of(error: &(dyn std::error::Error + 'static)) -> HttpErrorKind {
    let mut cause = Some(error);
    while let Some(error) = cause {
        if let Some(error) = error.downcast_ref::<hyper::Error>() {
            if error.is_timeout() {
                return HttpErrorKind::Timeout;
            }
            if error.is_closed()
                || error.is_canceled()
                || error.is_incomplete_message()
                || error.is_body_write_aborted()
            {
                return HttpErrorKind::Interrupted;
            }
        }
        if error.downcast_ref::<std::io::Error>().is_some() {
            return HttpErrorKind::Interrupted;
        }
        cause = error.source();
    }
    HttpErrorKind::Unknown
}
