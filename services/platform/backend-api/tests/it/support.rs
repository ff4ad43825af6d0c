//! What the tests have in common: services that stand in for real ones under names of the registry, and a gateway before them.

use std::borrow::Cow;
use std::collections::HashMap;
use std::net::SocketAddr;
use std::sync::Arc;

use axum::Json;
use axum::body::{Body, Bytes};
use axum::extract::ws::WebSocketUpgrade;
use axum::extract::{OriginalUri, Request};
use axum::response::Response;
use axum::routing::{any, get, patch, post};
use futures::StreamExt;
use http::{HeaderMap, StatusCode, header};
use nexus_contracts::session_mgr::{RevocationReason, SessionId, SessionRevoked};
use nexus_kernel::config::Config;
use nexus_kernel::extract::etag;
use nexus_kernel::{Context, Problem, Service};
use nexus_testkit::{Backend, Person, Testkit};
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;
use tower::ServiceExt;
use utoipa_axum::router::OpenApiRouter;

/// A console of a few files.
#[derive(Default)]
pub(crate) struct Files(pub(crate) HashMap<&'static str, &'static str>);

impl backend_api::Assets for Files {
    fn get(&self, path: &str) -> Option<Cow<'static, [u8]>> {
        self.0.get(path).map(|text| Cow::Borrowed(text.as_bytes()))
    }
}

/// The gateway without a console.
pub(crate) fn gateway() -> Service {
    backend_api::service(Arc::new(Files::default()))
}

/// Reads are public, writes need a token: as `services.toml` says of content-management.
pub(crate) fn partial() -> Service {
    Service::new("content-management").routes(
        OpenApiRouter::<Context>::new()
            .route("/api/content/echo", any(echo))
            .route("/api/content/json", post(|Json(body): Json<Value>| async move { Json(body) }))
            .route("/api/content/public", get(|| async { Json(json!({"text": "words ".repeat(1_000)})) }))
            .route("/api/content/versioned", get(|| async { ([etag(7)], "seven") }))
            .route("/api/content/secret-free", get(|| async { ([(header::CACHE_CONTROL, "no-store")], "fresh") }))
            .route("/api/content/media", get(|| async { ([(header::CONTENT_TYPE, "video/mp4")], "m".repeat(4_096)) }))
            .route("/api/content/range", get(range))
            .route("/api/content/slow", get(std::future::pending::<()>))
            .route("/api/content/stream", get(stream))
            .route("/api/content/socket", any(socket))
            .route("/api/content/unavailable", get(|| async { Problem::unavailable("not now") }))
            .route("/internal/secret", get(|| async { "for services only" })),
    )
}

/// Every request needs a token.
pub(crate) fn required() -> Service {
    Service::new("scheduler").routes(OpenApiRouter::<Context>::new().route("/api/scheduler/tasks", any(echo)))
}

/// Takes files.
pub(crate) fn uploads() -> Service {
    Service::new("puabo-dsp-upload-mgr").routes(
        OpenApiRouter::<Context>::new().route("/api/dsp/upload/files/{id}", patch(measure).options(|| async { "tus" })),
    )
}

/// What the service saw.
pub(crate) async fn echo(OriginalUri(uri): OriginalUri, headers: HeaderMap) -> Json<Value> {
    let headers: HashMap<&str, &str> =
        headers.iter().filter_map(|(name, value)| Some((name.as_str(), value.to_str().ok()?))).collect();
    Json(json!({"uri": uri.to_string(), "headers": headers}))
}

async fn range() -> Response {
    let mut response = Response::new(Body::from("r".repeat(4_096)));
    *response.status_mut() = StatusCode::PARTIAL_CONTENT;
    response.headers_mut().insert(header::CONTENT_TYPE, "text/plain".parse().unwrap());
    response.headers_mut().insert(header::CONTENT_RANGE, "bytes 0-4095/9000".parse().unwrap());
    response
}

/// One piece now, and then none for as long as anybody waits.
async fn stream() -> Body {
    let first = futures::stream::iter([Ok::<_, std::io::Error>(Bytes::from_static(b"first"))]);
    Body::from_stream(first.chain(futures::stream::pending()))
}

pub(crate) async fn socket(upgrade: WebSocketUpgrade) -> Response {
    upgrade.on_upgrade(|mut socket| async move {
        while let Some(Ok(message)) = socket.recv().await {
            if socket.send(message).await.is_err() {
                break;
            }
        }
    })
}

async fn measure(request: Request) -> Result<String, StatusCode> {
    let mut pieces = request.into_body().into_data_stream();
    let mut bytes = 0;
    while let Some(piece) = pieces.next().await {
        bytes += piece.map_err(|_| StatusCode::BAD_REQUEST)?.len();
    }
    Ok(bytes.to_string())
}

/// Where applications get tokens.
pub(crate) fn oauth() -> Service {
    Service::new("auth-service-v2")
        .routes(OpenApiRouter::<Context>::new().route("/oauth2/token", post(echo)).route("/oauth2/userinfo", get(echo)))
}

/// Where people sign in.
pub(crate) fn sign_in() -> Service {
    Service::new("auth-service").routes(OpenApiRouter::<Context>::new().route("/api/auth/echo", post(echo)))
}

/// Publishes the test's key and announces that tokens have ended, as token-mgr does.
pub(crate) fn tokens() -> Service {
    let keys = || async {
        let asked = Request::get("/.well-known/jwks.json").body(Body::empty()).unwrap();
        nexus_testkit::key_publisher().oneshot(asked).await
    };
    Service::new("token-mgr").routes(OpenApiRouter::<Context>::new().route("/.well-known/jwks.json", get(keys)))
}

/// Announces that sessions have ended, as session-mgr does.
pub(crate) fn sessions() -> Service {
    Service::new("session-mgr")
}

/// Ends a person's session, as session-mgr does.
pub(crate) async fn revoke(kit: &Testkit, person: &Person) {
    let mut tx = kit.context("session-mgr").store.begin(person.tenant).await.unwrap();
    tx.publish(&SessionRevoked {
        session_id: SessionId(person.session),
        user_id: person.user,
        tokens_valid_until: kit.now().plus(std::time::Duration::from_mins(5)),
        reason: RevocationReason::SignedOut,
    })
    .await
    .unwrap();
    tx.commit().await.unwrap();
}

/// The gateway before the stand-ins.
pub(crate) async fn started(adjust: impl FnOnce(&mut Config)) -> Testkit {
    Testkit::start_with(Backend::Sqlite, vec![gateway(), partial(), required(), uploads()], adjust).await
}

/// A gateway that listens.
pub(crate) struct Listening {
    pub(crate) address: SocketAddr,
    pub(crate) shutdown: CancellationToken,
    pub(crate) server: JoinHandle<()>,
}

/// Listens at a free port of this machine.
pub(crate) async fn listen(kit: &Testkit) -> Listening {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let shutdown = CancellationToken::new();
    let listening = backend_api::Listening::open(listener, kit.context("backend-api")).unwrap();
    let server = tokio::spawn(backend_api::serve(listening, shutdown.clone()));
    Listening { address, shutdown, server }
}

impl Listening {
    pub(crate) async fn connect(&self) -> TcpStream {
        TcpStream::connect(self.address).await.unwrap()
    }

    /// Sends these bytes and reads until the gateway closes; asks it to, unless the bytes do not.
    pub(crate) async fn exchange(&self, bytes: &[u8]) -> String {
        let mut stream = self.connect().await;
        // The gateway may have closed before it read all of it.
        let _ = stream.write_all(bytes).await;
        let mut reply = Vec::new();
        let _ = stream.read_to_end(&mut reply).await;
        String::from_utf8_lossy(&reply).into_owned()
    }
}
