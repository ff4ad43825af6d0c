//! Which service calls, proven between processes (docs/adr/0004).

use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::extract::{Request, State};
use axum::middleware::{Next, from_fn_with_state};
use axum::response::Response;
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use hmac::{Hmac, KeyInit, Mac};
use http::{HeaderName, HeaderValue};
use sha2::Sha256;

use crate::auth::Caller;
use crate::config::{MeshConfig, Secret};
use crate::time::{Clock, Timestamp};

/// Carries the caller's name and its proof.
pub const CALLER: HeaderName = HeaderName::from_static("x-nexus-caller");
/// How long a proof is good.
const VALID: Duration = Duration::from_mins(1);

/// Signs and verifies callers' names: `v1.<service>.<end, in seconds since the epoch>.<HMAC-SHA-256 of all before, base64url>`.
#[derive(Clone)]
pub(super) struct CallerKey(Hmac<Sha256>);

impl CallerKey {
    /// `None` when the secret is too short to prove anything: then no name is sent and none believed.
    pub(super) fn new(secret: &Secret) -> Option<Self> {
        let bytes = secret.expose().as_bytes();
        (bytes.len() >= MeshConfig::SECRET_LENGTH).then(|| Hmac::new_from_slice(bytes).ok().map(Self)).flatten()
    }

    pub(super) fn sign(&self, service: &str, now: Timestamp) -> Option<HeaderValue> {
        let claim = format!("v1.{service}.{}", now.plus(VALID).as_seconds());
        let mac = self.0.clone().chain_update(&claim).finalize().into_bytes();
        HeaderValue::try_from(format!("{claim}.{}", URL_SAFE_NO_PAD.encode(mac))).ok()
    }

    pub(super) fn verify(&self, header: &HeaderValue, now: Timestamp) -> Option<Caller> {
        let (claim, mac) = header.to_str().ok()?.rsplit_once('.')?;
        let mac = URL_SAFE_NO_PAD.decode(mac).ok()?;
        // Takes the same time whatever is wrong.
        self.0.clone().chain_update(claim).verify_slice(&mac).ok()?;
        let (service, end) = claim.strip_prefix("v1.")?.rsplit_once('.')?;
        let end: i64 = end.parse().ok()?;
        (now.as_seconds() < end).then(|| Caller(service.to_owned()))
    }
}

#[derive(Clone)]
struct Doorkeeper {
    key: Option<CallerKey>,
    clock: Clock,
}

/// Puts a door before a router that listens on a port of its own: who proves to be a service gets its [`Caller`], and the
/// header ends here whoever sent it.
pub fn accept_caller(router: Router, secret: &Secret, clock: Clock) -> Router {
    let keeper = Arc::new(Doorkeeper { key: CallerKey::new(secret), clock });
    router.layer(from_fn_with_state(keeper, check))
}

async fn check(State(keeper): State<Arc<Doorkeeper>>, mut request: Request, next: Next) -> Response {
    let proof = request.headers_mut().remove(CALLER);
    request.extensions_mut().remove::<Caller>();
    let caller = proof.as_ref().zip(keeper.key.as_ref()).and_then(|(proof, key)| key.verify(proof, keeper.clock.now()));
    if let Some(caller) = caller {
        request.extensions_mut().insert(caller);
    }
    next.run(request).await
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Timestamp = Timestamp::from_micros(1_700_000_000_000_000);

    fn key(secret: &str) -> CallerKey {
        CallerKey::new(&secret.into()).unwrap()
    }

    #[test]
    fn a_signed_name_is_believed_for_sixty_seconds() {
        let key = key(&"s".repeat(32));
        let proof = key.sign("session-mgr", NOW).unwrap();
        assert_eq!(key.verify(&proof, NOW), Some(Caller("session-mgr".to_owned())));
        assert!(key.verify(&proof, NOW.plus(Duration::from_secs(59))).is_some());
        assert!(key.verify(&proof, NOW.plus(VALID)).is_none());
    }

    #[test]
    fn another_name_time_or_secret_is_not_believed() {
        let good = key(&"s".repeat(32));
        let proof = good.sign("session-mgr", NOW).unwrap();
        let text = proof.to_str().unwrap();
        for forged in [
            text.replace("session-mgr", "user-auth"),
            text.replace("1700000060", "1800000060"),
            text.rsplit_once('.').unwrap().0.to_owned(),
            format!("{}.", text.rsplit_once('.').unwrap().0),
            String::new(),
        ] {
            assert!(good.verify(&HeaderValue::try_from(&forged).unwrap(), NOW).is_none(), "{forged}");
        }
        assert!(key(&"t".repeat(32)).verify(&proof, NOW).is_none());
    }

    #[test]
    fn a_short_secret_makes_no_key() {
        assert!(CallerKey::new(&"s".repeat(31).as_str().into()).is_none());
        assert!(CallerKey::new(&Secret::default()).is_none());
    }
}
