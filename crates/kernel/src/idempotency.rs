//! `Idempotency-Key` on POST: the first request does the work, a repeat gets the stored reply, and another body under the same
//! key is refused (draft-ietf-httpapi-idempotency-key-header section 2).
//!
//! A key belongs to the signed-in person who sent it. Without a person there is nobody to keep a reply for, and a reply to
//! one stranger must not reach another, so the header is then ignored.
//!
//! A reply that says `Cache-Control: no-store` is not kept: a repeat learns that the work is done, and not the reply again.
//!
//! A handler whose whole effect is one unit of work ends it with [`Tx::commit_reply`]: the effect and the reply are then durable
//! together, so that a repeat never does the work twice, whenever the process or the database died. Otherwise the reply is
//! stored after the handler has ended, and a process that dies between the two leaves a key whose repeat does the work again.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use axum::body::{Body, Bytes, to_bytes};
use axum::extract::{Request, State};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use http::response::Parts;
use http::{HeaderName, HeaderValue, Method, StatusCode, header};
use sha2::{Digest, Sha256};

use crate::auth::{self, Credentials, Principal, Scheme};
use crate::blobs::hex;
use crate::context::Context;
use crate::ids::TenantId;
use crate::params;
use crate::problem::{self, Problem};
use crate::store::{FromRow, Query, Row, Scope, Store, StoreError, Tx};
use crate::time::Timestamp;

tokio::task_local! {
    static RESERVED: Arc<Reservation>;
}

/// The request header.
pub const KEY: &str = "idempotency-key";
/// Set on a reply that was stored by an earlier request.
pub const REPLAYED: &str = "idempotency-replayed";
/// How long a reply is kept.
const KEPT: Duration = Duration::from_hours(24);
/// After this long without a reply the first request is taken for dead and a repeat does the work.
const LEASE: Duration = Duration::from_mins(1);
/// The largest request or reply that is kept, in bytes.
const MAX_BODY: usize = 1 << 20;

struct Key {
    tenant: TenantId,
    /// Person, method, path and key, hashed: one column to look up.
    id: String,
    fingerprint: String,
}

/// A key that this request has, until a repeat takes it for dead.
struct Reservation {
    key: Key,
    store: Store,
    /// Tells it from a later one of the same key.
    started_at: Timestamp,
    /// Whether the reply was stored with the handler's own changes.
    kept: AtomicBool,
}

/// Who has a key.
enum Reserved {
    Ours(Timestamp),
    Theirs(Stored),
}

struct Stored {
    fingerprint: String,
    started_at: Timestamp,
    status: Option<i64>,
    content_type: Option<String>,
    location: Option<String>,
    etag: Option<String>,
    body: Option<Vec<u8>>,
}

impl FromRow for Stored {
    fn from_row(row: &Row) -> Result<Self, StoreError> {
        Ok(Self {
            fingerprint: row.get("fingerprint")?,
            started_at: row.get("started_at")?,
            status: row.get("status")?,
            content_type: row.get("content_type")?,
            location: row.get("location")?,
            etag: row.get("etag")?,
            body: row.get("body")?,
        })
    }
}

/// The layer around a service's routes.
pub async fn layer(State(context): State<Context>, request: Request, next: Next) -> Response {
    match handle(&context, request, next).await {
        Ok(response) => response,
        Err(problem) => problem.into_response(),
    }
}

async fn handle(context: &Context, request: Request, next: Next) -> Result<Response, Problem> {
    let Some(key) = request.headers().get(KEY).filter(|_| request.method() == Method::POST) else {
        return Ok(next.run(request).await);
    };
    let key = key.to_str().ok().filter(|key| (1..=255).contains(&key.len())).map(str::to_owned).ok_or_else(|| {
        Problem::bad_request("invalid-idempotency-key", "Idempotency-Key must be 1 to 255 visible ASCII characters")
    })?;
    let (parts, body) = request.into_parts();
    // Credentials of another kind than a person's token are the handler's to judge.
    let Ok(Some(Credentials { scheme: Scheme::Bearer, .. })) = auth::credentials(&parts.headers) else {
        return Ok(next.run(Request::from_parts(parts, body)).await);
    };
    let principal = Principal::of_request(&parts.headers, context).await?;
    let bytes = to_bytes(body, MAX_BODY).await.map_err(|_| {
        Problem::new(StatusCode::PAYLOAD_TOO_LARGE, "body-too-large", "Body too large")
            .detail("a request with an Idempotency-Key may have at most 1 MiB")
    })?;
    let key = identify(&principal, &parts.method, parts.uri.path(), &key, &bytes);
    let started_at = match reserve(context, &key).await? {
        Reserved::Ours(started_at) => started_at,
        Reserved::Theirs(stored) => return replay(context, &key, stored),
    };
    let reservation = Reservation { key, store: context.store.clone(), started_at, kept: AtomicBool::new(false) };
    let reservation = Arc::new(reservation);
    let work = next.run(Request::from_parts(parts, Body::from(bytes)));
    let response = RESERVED.scope(Arc::clone(&reservation), work).await;
    keep(&reservation, response).await
}

fn identify(principal: &Principal, method: &Method, path: &str, key: &str, body: &Bytes) -> Key {
    let mut id = Sha256::new();
    for part in [principal.user.to_string().as_str(), method.as_str(), path, key] {
        id.update(part.as_bytes());
        id.update([0]);
    }
    // What one token may read is not for another that may do less.
    if !principal.is_unlimited() {
        id.update(principal.client.as_deref().unwrap_or_default());
        id.update([0]);
        id.update(principal.scopes.join(" "));
    }
    Key { tenant: principal.tenant, id: hex(&id.finalize()), fingerprint: hex(&Sha256::digest(body)) }
}

/// Takes the key for this request. One without a reply that began long ago, or after now by a clock that was set back since, is
/// taken for dead.
async fn reserve(context: &Context, key: &Key) -> Result<Reserved, Problem> {
    let now = context.clock.now();
    let mut tx = context.store.begin(key.tenant).await?;
    tx.execute(
        "DELETE FROM _idempotency WHERE tenant_id = :tenant
         AND (started_at < $1 OR (status IS NULL AND (started_at < $2 OR started_at > $3)))",
        params![now.minus(KEPT), now.minus(LEASE), now.plus(LEASE)],
    )
    .await?;
    let taken = tx
        .execute(
            "INSERT INTO _idempotency (tenant_id, id, fingerprint, started_at) VALUES (:tenant, $1, $2, $3)
             ON CONFLICT DO NOTHING",
            params![key.id.as_str(), key.fingerprint.as_str(), now],
        )
        .await?;
    if taken == 1 {
        tx.commit().await?;
        return Ok(Reserved::Ours(now));
    }
    let stored = tx
        .query_optional(
            "SELECT fingerprint, started_at, status, content_type, location, etag, body
             FROM _idempotency WHERE tenant_id = :tenant AND id = $1",
            params![key.id.as_str()],
        )
        .await?;
    tx.commit().await?;
    // The first request may have failed, and freed its key, just now.
    stored.map(Reserved::Theirs).ok_or_else(|| in_use().retry_after(Duration::from_secs(1)))
}

fn replay(context: &Context, key: &Key, stored: Stored) -> Result<Response, Problem> {
    if stored.fingerprint != key.fingerprint {
        return Err(Problem::unprocessable(
            "idempotency-key-reused",
            "this Idempotency-Key was used with another body; use a new key for a new request",
        ));
    }
    let Some(status) = stored.status.and_then(|status| StatusCode::from_u16(u16::try_from(status).ok()?).ok()) else {
        let left = LEASE.saturating_sub(context.clock.now().since(stored.started_at));
        return Err(in_use().retry_after(left.max(Duration::from_secs(1))));
    };
    let mut response = (status, stored.body.unwrap_or_default()).into_response();
    let headers = response.headers_mut();
    headers.remove(header::CONTENT_TYPE);
    let kept =
        [(header::CONTENT_TYPE, stored.content_type), (header::LOCATION, stored.location), (header::ETAG, stored.etag)];
    for (name, value) in kept {
        if let Some(value) = value.and_then(|value| HeaderValue::try_from(value).ok()) {
            headers.insert(name, value);
        }
    }
    headers.insert(HeaderName::from_static(REPLAYED), HeaderValue::from_static("true"));
    Ok(response)
}

fn in_use() -> Problem {
    Problem::conflict("idempotency-key-in-use", "the first request with this key is still being worked on")
}

/// Stores the reply, unless the handler did; one that says the server failed frees the key, so that a repeat tries again. The
/// key of a reservation that was taken for dead meanwhile is another request's.
async fn keep(reservation: &Reservation, response: Response) -> Result<Response, Problem> {
    if reservation.kept.load(Ordering::Acquire) {
        return Ok(response);
    }
    let Reservation { key, store, started_at, .. } = reservation;
    let (parts, bytes) = read(response).await?;
    let mut tx = store.begin(key.tenant).await?;
    if parts.status.is_server_error() {
        // Where the handler's commit failed and happened all the same, the reply is there, and stays.
        tx.execute(
            "DELETE FROM _idempotency WHERE tenant_id = :tenant AND id = $1 AND started_at = $2 AND status IS NULL",
            params![key.id.as_str(), *started_at],
        )
        .await?;
    } else {
        settle(&mut tx, reservation, &parts, &bytes).await?;
    }
    tx.commit().await?;
    Ok(Response::from_parts(parts, Body::from(bytes)))
}

/// The reply's head and its whole body.
async fn read(response: Response) -> Result<(Parts, Bytes), Problem> {
    let (parts, body) = response.into_parts();
    Ok((parts, to_bytes(body, MAX_BODY).await.map_err(Problem::internal)?))
}

/// Writes the reply to its key; whether the key was still the reservation's.
async fn settle(tx: &mut Tx, reservation: &Reservation, reply: &Parts, body: &Bytes) -> Result<bool, StoreError> {
    let text = |name| reply.headers.get(name).and_then(|value| value.to_str().ok()).map(str::to_owned);
    // A reply that nobody may keep holds a secret.
    let secret = reply.status.is_success() && text(header::CACHE_CONTROL).is_some_and(|text| text.contains("no-store"));
    let kept = if secret { shown_once() } else { (reply.status, text(header::CONTENT_TYPE), body.to_vec()) };
    let (status, content_type, body) = kept;
    let settled = tx
        .execute(
            "UPDATE _idempotency SET status = $3, content_type = $4, location = $5, etag = $6, body = $7
             WHERE tenant_id = :tenant AND id = $1 AND started_at = $2 AND status IS NULL",
            params![
                reservation.key.id.as_str(),
                reservation.started_at,
                i64::from(status.as_u16()),
                content_type,
                text(header::LOCATION),
                text(header::ETAG),
                body,
            ],
        )
        .await?;
    Ok(settled == 1)
}

/// What a repeat gets in the place of a reply that nobody may keep.
fn shown_once() -> (StatusCode, Option<String>, Vec<u8>) {
    let detail = "the first request with this key succeeded; its reply holds a secret, and was shown that once";
    let problem = Problem::conflict("reply-not-kept", detail);
    let body = serde_json::to_vec(&problem.details()).unwrap_or_default();
    (problem.status(), Some(problem::MEDIA_TYPE.to_owned()), body)
}

impl Tx {
    /// Commits together with the reply to the request at hand: a repeat under its `Idempotency-Key` gets this reply, even when
    /// nobody ever heard whether the commit succeeded. A request that took so long that a repeat was let in commits nothing.
    /// Without a key it is a commit like any other.
    pub async fn commit_reply(mut self, reply: impl IntoResponse) -> Result<Response, Problem> {
        let reply = reply.into_response();
        let reservation = RESERVED.try_with(Arc::clone).ok().filter(|reservation| self.is_of(&reservation.store));
        let Some(reservation) = reservation else {
            self.commit().await?;
            return Ok(reply);
        };
        let (parts, body) = read(reply).await?;
        self.rescope(Scope::Tenant(reservation.key.tenant));
        if !settle(&mut self, &reservation, &parts, &body).await? {
            return Err(in_use());
        }
        self.commit().await?;
        reservation.kept.store(true, Ordering::Release);
        Ok(Response::from_parts(parts, Body::from(body)))
    }
}
