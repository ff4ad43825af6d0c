//! Whoever comes by plain HTTP is sent to the same path by HTTPS. The host is ours and not what the request says, so that nobody
//! is sent anywhere else.

use std::convert::Infallible;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use http::uri::PathAndQuery;
use http::{HeaderValue, Request, Response, StatusCode, header};
use http_body_util::Empty;
use hyper::body::{Bytes, Incoming};
use hyper::server::conn::http1;
use hyper_util::rt::{TokioIo, TokioTimer};
use nexus_kernel::config::Config;
use tokio::net::{TcpListener, TcpSocket};
use tokio::task::JoinSet;
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;

use crate::connections::Connections;
use crate::server::ListenError;

/// How long a request's head may take, and how long its connection may last: it brings one answer.
const HEAD: Duration = Duration::from_secs(5);
const WHOLE: Duration = Duration::from_secs(10);
/// How many connections wait in the system's queue.
const WAITING: u32 = 1_024;
/// How long to wait after the system had no file left for a connection.
const PAUSE: Duration = Duration::from_millis(100);

/// Opens the port for plain HTTP, where the configuration has one.
pub fn plain_listener(config: &Config) -> Result<Option<TcpListener>, ListenError> {
    let Some(address) = config.gateway.tls.redirect_from else { return Ok(None) };
    if !config.public_url.starts_with("https://") {
        return Err(ListenError::Nowhere(config.public_url.clone()));
    }
    bind(address).map(Some).map_err(|cause| ListenError::Redirect { address, cause })
}

fn bind(address: SocketAddr) -> std::io::Result<TcpListener> {
    let socket = if address.is_ipv4() { TcpSocket::new_v4()? } else { TcpSocket::new_v6()? };
    socket.set_reuseaddr(true)?;
    socket.bind(address)?;
    socket.listen(WAITING)
}

/// Serves until shutdown begins, and then those that have come before.
pub(crate) async fn serve(
    listener: TcpListener,
    public_url: String,
    connections: Connections,
    shutdown: CancellationToken,
) {
    let public_url: Arc<str> = public_url.trim_end_matches('/').into();
    let mut tasks = JoinSet::new();
    loop {
        let accepted = tokio::select! {
            () = shutdown.cancelled() => break,
            accepted = listener.accept() => accepted,
        };
        let Ok((tcp, peer)) = accepted else {
            tokio::time::sleep(PAUSE).await;
            continue;
        };
        let Some(place) = connections.enter(peer.ip()) else { continue };
        let public_url = Arc::clone(&public_url);
        tasks.spawn(async move {
            let service = hyper::service::service_fn(move |request: Request<Incoming>| {
                std::future::ready(Ok::<_, Infallible>(answer(&public_url, &request)))
            });
            let mut builder = http1::Builder::new();
            builder.timer(TokioTimer::new()).header_read_timeout(HEAD).keep_alive(false);
            // How a client leaves is its own affair.
            let _ = timeout(WHOLE, builder.serve_connection(TokioIo::new(tcp), service)).await;
            drop(place);
        });
        while tasks.try_join_next().is_some() {}
    }
    drop(listener);
    while tasks.join_next().await.is_some() {}
}

/// 308, as the method stays what it was (RFC 9110 section 15.4.9).
fn answer<B>(public_url: &str, request: &Request<B>) -> Response<Empty<Bytes>> {
    let path = request.uri().path_and_query().map_or("/", PathAndQuery::as_str);
    // `*` and the like are no path; appended, they would change the host.
    let path = if path.starts_with('/') { path } else { "/" };
    let mut response = Response::new(Empty::new());
    match HeaderValue::try_from(format!("{public_url}{path}")) {
        Ok(location) => {
            *response.status_mut() = StatusCode::PERMANENT_REDIRECT;
            response.headers_mut().insert(header::LOCATION, location);
        }
        Err(_) => *response.status_mut() = StatusCode::BAD_REQUEST,
    }
    response
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn everybody_is_sent_to_the_same_path_of_our_own_host() {
        for (asked, sent) in [
            ("/", "https://cloud.example.org/"),
            ("/api/content?a=1&b=%2F", "https://cloud.example.org/api/content?a=1&b=%2F"),
            ("http://evil.example/x", "https://cloud.example.org/x"),
            ("//evil.example/x", "https://cloud.example.org//evil.example/x"),
            ("/@evil.example", "https://cloud.example.org/@evil.example"),
            ("*", "https://cloud.example.org/"),
        ] {
            let request = Request::get(asked).header("host", "evil.example").body(()).unwrap();
            let response = answer("https://cloud.example.org", &request);
            assert_eq!(response.status(), 308);
            assert_eq!(response.headers()[header::LOCATION], sent, "{asked}");
        }
    }
}
