//! A client of the system, over HTTP.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use bytes::Bytes;
use http::{Method, Request, StatusCode, header};
use http_body_util::{BodyExt, Full};
use hyper_util::client::legacy::Client as Http;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;
use nexus_testkit::{Person, sign};
use serde::de::DeserializeOwned;
use tokio::time::timeout;
use uuid::Uuid;

use crate::wire::{Entry, NewEntry, Page, TENANT};

/// How long a client waits for an answer.
const PATIENCE: Duration = Duration::from_secs(5);
/// How long a front that did not answer is left alone, as a load balancer would: as long as another is there.
const AVOIDED: Duration = Duration::from_secs(2);
/// Until when its token is good: a clock that jumps must not sign it out.
const LONG: i64 = 10 * 365 * 86_400;

/// Why a request did not do what it should have.
#[derive(Debug)]
pub enum Failure {
    /// No answer: whether it had an effect is not known.
    Silence(String),
    /// An answer that is no success.
    Refused(StatusCode, String),
}

impl Failure {
    /// Whether the same request is being worked on, or was when a process died: it is answered when that is sure.
    pub fn is_in_use(&self) -> bool {
        matches!(self, Self::Refused(StatusCode::CONFLICT, text) if text.contains("idempotency-key-in-use"))
    }

    /// Whether it says that there is no such thing.
    pub fn is_not_found(&self) -> bool {
        matches!(self, Self::Refused(StatusCode::NOT_FOUND, _))
    }
}

#[derive(Debug)]
struct Front {
    address: String,
    avoided_until: Mutex<Instant>,
}

impl Front {
    fn is_avoided(&self) -> bool {
        *self.avoided_until.lock().unwrap_or_else(PoisonError::into_inner) > Instant::now()
    }

    fn avoid(&self) {
        *self.avoided_until.lock().unwrap_or_else(PoisonError::into_inner) = Instant::now() + AVOIDED;
    }
}

/// A client that knows all fronts and takes one after the other.
#[derive(Debug)]
pub struct Client {
    http: Http<HttpConnector, Full<Bytes>>,
    fronts: Vec<Front>,
    next: AtomicUsize,
    token: String,
}

impl Client {
    /// A client of these fronts.
    pub fn new(fronts: Vec<String>) -> Self {
        let mut connector = HttpConnector::new();
        connector.set_connect_timeout(Some(PATIENCE));
        connector.set_nodelay(true);
        let person = Person::of(TENANT, nexus_kernel::Role::Editor);
        let mut claims = person.claims(nexus_kernel::Clock::system().now());
        claims.exp += LONG;
        Self {
            http: Http::builder(TokioExecutor::new()).build(connector),
            fronts: fronts
                .into_iter()
                .map(|address| Front { address, avoided_until: Mutex::new(Instant::now()) })
                .collect(),
            next: AtomicUsize::new(0),
            token: sign(&claims),
        }
    }

    async fn send(&self, method: Method, path: &str, key: Option<Uuid>, body: Bytes) -> Result<Bytes, Failure> {
        let front = self.front();
        let mut request = Request::builder()
            .method(method)
            .uri(format!("http://{}{path}", front.address))
            .header(header::AUTHORIZATION, format!("Bearer {}", self.token))
            .header(header::CONTENT_TYPE, "application/json");
        if let Some(key) = key {
            request = request.header("idempotency-key", key.to_string());
        }
        let request = request.body(Full::new(body)).expect("the request is valid");
        let exchange = async {
            let response = self.http.request(request).await.map_err(|error| Failure::Silence(error.to_string()))?;
            let (parts, body) = response.into_parts();
            let body = body.collect().await.map_err(|error| Failure::Silence(error.to_string()))?.to_bytes();
            if parts.status.is_success() {
                return Ok(body);
            }
            Err(Failure::Refused(parts.status, String::from_utf8_lossy(&body).into_owned()))
        };
        let ended = timeout(PATIENCE, exchange).await;
        let outcome = ended.unwrap_or_else(|_| Err(Failure::Silence("no answer in time".to_owned())));
        if let Err(Failure::Silence(_)) = &outcome {
            front.avoid();
        }
        outcome
    }

    fn front(&self) -> &Front {
        let first = self.next.fetch_add(1, Ordering::Relaxed);
        let mut turns = (0..self.fronts.len()).map(|turn| &self.fronts[(first + turn) % self.fronts.len()]);
        turns.find(|front| !front.is_avoided()).unwrap_or(&self.fronts[first % self.fronts.len()])
    }

    /// Asks for an entry, once.
    pub async fn make(&self, request: Uuid) -> Result<Entry, Failure> {
        let body = serde_json::to_vec(&NewEntry { request }).expect("it is JSON");
        let reply = self.send(Method::POST, "/entries", Some(request), body.into()).await?;
        Ok(serde_json::from_slice(&reply).expect("the reply is an entry"))
    }

    /// Reads something, once.
    pub async fn read<T: DeserializeOwned>(&self, path: &str) -> Result<T, Failure> {
        let reply = self.send(Method::GET, path, None, Bytes::new()).await?;
        Ok(serde_json::from_slice(&reply).expect("the reply is what was asked for"))
    }

    /// The part of a list that follows a key.
    pub async fn page<T: DeserializeOwned>(&self, list: &str, after: &str) -> Result<Vec<T>, Failure> {
        Ok(self.read::<Page<T>>(&format!("/{list}?after={after}")).await?.items)
    }
}
