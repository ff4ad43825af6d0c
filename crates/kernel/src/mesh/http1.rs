//! Connections over HTTP/1.1, to services that are other programs. They have no task of their own: whoever waits for a reply
//! drives its connection. A call then wakes one task where it would wake two, and nothing passes between threads.

use std::collections::HashMap;
use std::io;
use std::mem;
use std::pin::{Pin, pin};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use axum::body::Body;
use bytes::Bytes;
use http::{Request, Response};
use http_body::{Body as HttpBody, Frame, SizeHint};
use hyper::body::Incoming;
use hyper::client::conn::TrySendError;
use hyper::client::conn::http1::{Connection, SendRequest, handshake};
use hyper_util::rt::TokioIo;
use tokio::net::TcpStream;
use tokio::time::Instant;

use super::transport::{TransportError, chain};

/// How long an unused connection is kept, and how often those that nobody asks for are looked through.
const IDLE_LIMIT: Duration = Duration::from_secs(30);
/// The most unused connections to one instance.
const IDLE: usize = 1_024;

/// The unused connections, by instance.
#[derive(Default)]
pub(super) struct Pool(Mutex<Unused>);

#[derive(Default)]
struct Unused {
    links: HashMap<Arc<str>, Vec<Idle>>,
    looked_through: Option<Instant>,
}

struct Idle {
    link: Box<Link>,
    since: Instant,
}

/// A connection and the way to send on it: large, so that it is moved in a box.
struct Link {
    sender: SendRequest<Body>,
    connection: Connection<TokioIo<TcpStream>, Body>,
    ended: bool,
}

impl Pool {
    /// Sends a request, whose target is a path, on an unused connection, or on a new one.
    pub(super) async fn exchange(
        self: &Arc<Self>,
        instance: &Arc<str>,
        request: &mut Request<Body>,
        connect: impl AsyncFnOnce() -> io::Result<TcpStream>,
    ) -> Result<Response<Body>, TransportError> {
        while let Some(mut link) = self.take(instance) {
            match link.send(mem::take(request)).await {
                Ok(response) => return Ok(self.reply(instance, link, response)),
                Err(mut error) => match error.take_message() {
                    // The other side closed it while nobody used it.
                    Some(unsent) => *request = unsent,
                    None => return Err(TransportError::new(chain(error.error()))),
                },
            }
        }
        // In a box, so that not every call carries room for it.
        let (link, response) = Box::pin(fresh(mem::take(request), connect)).await?;
        Ok(self.reply(instance, link, response))
    }

    fn take(&self, instance: &Arc<str>) -> Option<Box<Link>> {
        let mut unused = self.unused();
        let idle = unused.links.get_mut(instance)?.pop()?;
        if idle.since.elapsed() < IDLE_LIMIT {
            return Some(idle.link);
        }
        // The others have waited longer still.
        let old = unused.links.remove(instance);
        drop(unused);
        drop(old);
        None
    }

    fn put(&self, instance: &Arc<str>, link: Box<Link>) {
        let now = Instant::now();
        let idle = Idle { link, since: now };
        let mut unused = self.unused();
        match unused.links.get_mut(instance) {
            Some(links) if links.len() >= IDLE => {}
            Some(links) => links.push(idle),
            None => drop(unused.links.insert(Arc::clone(instance), vec![idle])),
        }
        if unused.looked_through.is_none_or(|at| now - at >= IDLE_LIMIT) {
            unused.looked_through = Some(now);
            unused.links.retain(|_, links| {
                links.retain(|idle| now - idle.since < IDLE_LIMIT);
                !links.is_empty()
            });
        }
    }

    fn unused(&self) -> MutexGuard<'_, Unused> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn reply(self: &Arc<Self>, instance: &Arc<str>, link: Box<Link>, response: Response<Incoming>) -> Response<Body> {
        response.map(|body| {
            let home = Home { pool: Arc::clone(self), instance: Arc::clone(instance), link };
            Body::new(Driven { body, home: Some(home) })
        })
    }
}

/// Sends a request on a new connection.
async fn fresh(
    request: Request<Body>,
    connect: impl AsyncFnOnce() -> io::Result<TcpStream>,
) -> Result<(Box<Link>, Response<Incoming>), TransportError> {
    let unsent = |cause| TransportError { cause, unsent: true };
    let stream = connect().await.map_err(|error| unsent(chain(&error)))?;
    let shaken = handshake(TokioIo::new(stream)).await;
    let (sender, connection) = shaken.map_err(|error| unsent(chain(&error)))?;
    let mut link = Box::new(Link { sender, connection, ended: false });
    let response = link
        .send(request)
        .await
        .map_err(|error| TransportError { unsent: error.message().is_some(), cause: chain(error.error()) })?;
    Ok((link, response))
}

impl Link {
    async fn send(&mut self, request: Request<Body>) -> Result<Response<Incoming>, TrySendError<Request<Body>>> {
        let mut reply = pin!(self.sender.try_send_request(request));
        let (connection, ended) = (&mut self.connection, &mut self.ended);
        let mut drive = |cx: &mut Context<'_>| {
            if !*ended {
                *ended = Pin::new(&mut *connection).poll(cx).is_ready();
            }
        };
        std::future::poll_fn(|cx| {
            drive(cx);
            // Nobody but the connection makes the reply, and it is asked for right after.
            let reply = reply.as_mut().poll(&mut nobody());
            if reply.is_ready() {
                // Whoever reads the body drives the connection; that it is asked for wakes nobody.
                drive(&mut nobody());
            }
            reply
        })
        .await
    }

    fn drive(&mut self, cx: &mut Context<'_>) {
        if !self.ended {
            self.ended = Pin::new(&mut self.connection).poll(cx).is_ready();
        }
    }

    /// Whether it can take another request. Until it has one, nothing that happens to it wakes anybody.
    fn is_free(&mut self) -> bool {
        self.drive(&mut nobody());
        !self.ended && matches!(self.sender.poll_ready(&mut nobody()), Poll::Ready(Ok(())))
    }
}

/// For what is asked only when something else says that it is time.
fn nobody() -> Context<'static> {
    Context::from_waker(Waker::noop())
}

/// A connection with the place that it goes back to.
struct Home {
    pool: Arc<Pool>,
    instance: Arc<str>,
    link: Box<Link>,
}

impl Home {
    fn give_back(mut self) {
        if self.link.is_free() {
            self.pool.put(&self.instance, self.link);
        }
    }
}

/// A reply's body; reading it drives the connection.
struct Driven {
    body: Incoming,
    home: Option<Home>,
}

impl Driven {
    fn poll(&mut self, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        let frame = match Pin::new(&mut self.body).poll_frame(cx) {
            Poll::Pending => {
                // Asking for a piece made the connection willing to read it.
                if let Some(home) = &mut self.home {
                    home.link.drive(cx);
                }
                Pin::new(&mut self.body).poll_frame(cx)
            }
            ready @ Poll::Ready(_) => ready,
        };
        frame.map(|frame| frame.map(|frame| frame.map_err(axum::Error::new)))
    }
}

impl HttpBody for Driven {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        let frame = self.poll(cx);
        let last = matches!(frame, Poll::Ready(None)) || self.body.is_end_stream();
        if last
            && frame.is_ready()
            && let Some(home) = self.home.take()
        {
            home.give_back();
        }
        frame
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

/// A body that nobody had to read, as there is none, leaves its connection as good as one that was read.
impl Drop for Driven {
    fn drop(&mut self) {
        if self.body.is_end_stream()
            && let Some(home) = mem::take(&mut self.home)
        {
            home.give_back();
        }
    }
}

#[cfg(test)]
mod tests {
    use std::net::SocketAddr;
    use std::sync::atomic::{AtomicUsize, Ordering};

    use http_body_util::BodyExt;
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    use tokio::net::TcpListener;

    use super::*;

    /// Answers so many requests of each connection with so many bytes, then closes it without a word; counts the connections.
    async fn server(requests: usize, bytes: usize) -> (SocketAddr, Arc<AtomicUsize>) {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let (address, count) = (listener.local_addr().unwrap(), Arc::new(AtomicUsize::new(0)));
        let counted = Arc::clone(&count);
        tokio::spawn(async move {
            while let Ok((mut stream, _)) = listener.accept().await {
                counted.fetch_add(1, Ordering::Relaxed);
                tokio::spawn(async move {
                    let mut seen = Vec::new();
                    for _ in 0..requests {
                        while !seen.ends_with(b"end") {
                            if stream.read_buf(&mut seen).await.unwrap() == 0 {
                                return;
                            }
                        }
                        seen.clear();
                        let head = format!("HTTP/1.1 200 OK\r\ncontent-length: {bytes}\r\n\r\n");
                        stream.write_all(head.as_bytes()).await.unwrap();
                        let _ = stream.write_all(&vec![b'x'; bytes]).await;
                    }
                });
            }
        });
        (address, count)
    }

    async fn exchange(pool: &Arc<Pool>, address: SocketAddr) -> Response<Body> {
        let mut request = Request::post("/").body(Body::from("the end")).unwrap();
        pool.exchange(&"a".into(), &mut request, async || TcpStream::connect(address).await).await.unwrap()
    }

    async fn length(response: Response<Body>) -> usize {
        response.into_body().collect().await.unwrap().to_bytes().len()
    }

    #[tokio::test]
    async fn a_connection_whose_reply_was_read_is_used_again() {
        let (address, count) = server(usize::MAX, 3 << 20).await;
        let pool = Arc::default();
        for _ in 0..3 {
            assert_eq!(length(exchange(&pool, address).await).await, 3 << 20);
        }
        assert_eq!(count.load(Ordering::Relaxed), 1);
        let together = futures::future::join_all((0..4).map(|_| exchange(&pool, address))).await;
        drop(together);
        assert_eq!(length(exchange(&pool, address).await).await, 3 << 20);
        // Of the four none was read to its end, and what is left of one is not taken for another's reply.
        assert_eq!(count.load(Ordering::Relaxed), 5);
    }

    #[tokio::test]
    async fn a_reply_without_a_body_gives_its_connection_back() {
        let (address, count) = server(usize::MAX, 0).await;
        let pool = Arc::default();
        for _ in 0..3 {
            drop(exchange(&pool, address).await);
        }
        assert_eq!(count.load(Ordering::Relaxed), 1);
    }

    #[tokio::test]
    async fn a_connection_that_the_other_side_closed_meanwhile_is_replaced() {
        let (address, count) = server(1, 10).await;
        let elsewhere = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let pool = Arc::default();
        for number in 1..4 {
            assert_eq!(length(exchange(&pool, address).await).await, 10);
            assert_eq!(count.load(Ordering::Relaxed), number);
            // Whatever arrived before this has been noticed after it.
            TcpStream::connect(elsewhere.local_addr().unwrap()).await.unwrap();
        }
    }
}
