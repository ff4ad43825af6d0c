//! Verifies access tokens: signed ones with the published keys, opaque ones by asking who issued them.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use http::HeaderValue;
use jsonwebtoken::jwk::JwkSet;
use jsonwebtoken::{Algorithm, DecodingKey, Validation};
use moka::future::Cache;
use serde_json::json;
use tokio::sync::{Mutex, RwLock};
use tokio::time::Instant;

use super::{
    ACCESS_TOKEN_TYPE, AUDIENCE, AccessClaims, ISSUER, Introspection, PERSONAL_TOKEN_PREFIX, Principal,
    SERVICE_TOKEN_PREFIX, TokenUse,
};
use crate::mesh::Mesh;
use crate::problem::Problem;
use crate::time::Clock;

/// The service that publishes the keys and knows the opaque tokens.
const PUBLISHER: &str = "token-mgr";
/// The longest access token that is read, in bytes.
const MAX_TOKEN_BYTES: usize = 4_096;
/// How many bytes of tokens of each kind are remembered: a hundred thousand usual ones.
const REMEMBERED_BYTES: u64 = 48 << 20;
/// How long what was verified is remembered; when the token ends is looked at each time.
const VERIFIED_FOR: Duration = Duration::from_mins(1);
/// How long the answer about an opaque token is remembered. One that was revoked is refused everywhere within a second, the
/// time of the question included.
const ANSWERED_FOR: Duration = Duration::from_millis(900);

/// Verifies access tokens against the published keys, which it keeps and fetches again when a token names an unknown one.
#[derive(Debug, Clone)]
pub struct TokenVerifier(Arc<Inner>);

struct Inner {
    mesh: Mesh,
    clock: Clock,
    public_url: String,
    keys: RwLock<JwkSet>,
    fetched: Mutex<Option<Instant>>,
    /// By the whole token: looking one up costs a hash with a key of this process's own, and no two tokens are taken for one.
    verified: Cache<Box<str>, Arc<Principal>>,
    answered: Cache<Box<str>, Option<Arc<Principal>>>,
}

impl fmt::Debug for Inner {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TokenVerifier").finish_non_exhaustive()
    }
}

impl TokenVerifier {
    /// A verifier that fetches keys over this mesh. `public_url` is the issuer of the tokens of applications.
    pub fn new(mesh: Mesh, clock: Clock, public_url: &str) -> Self {
        Self(Arc::new(Inner {
            mesh,
            clock,
            public_url: public_url.to_owned(),
            keys: RwLock::new(JwkSet { keys: Vec::new() }),
            fetched: Mutex::new(None),
            verified: remembered(VERIFIED_FOR),
            answered: remembered(ANSWERED_FOR),
        }))
    }

    /// The person that a token names, or 401. Whether the session was revoked is the gateway's to know, and what the token's
    /// scopes and its key allow is for whoever takes it: the `Principal` of a request has been asked both.
    pub async fn verify(&self, token: &str) -> Result<Principal, Problem> {
        if token.len() > MAX_TOKEN_BYTES {
            return Err(invalid("the token is too long"));
        }
        let principal = if [PERSONAL_TOKEN_PREFIX, SERVICE_TOKEN_PREFIX].iter().any(|kind| token.starts_with(kind)) {
            Box::pin(self.opaque(token)).await?
        } else {
            self.signed(token).await?
        };
        if principal.expires_at <= self.0.clock.now() {
            return Err(Problem::unauthorized("expired-token", "the access token has expired; refresh it")
                .challenge(invalid_token()));
        }
        Ok(Principal::clone(&principal))
    }

    async fn signed(&self, token: &str) -> Result<Arc<Principal>, Problem> {
        if let Some(known) = self.0.verified.get(token).await {
            return Ok(known);
        }
        // In a box, so that not every request carries room for it.
        let principal = Arc::new(Principal::from(Box::pin(self.claims(token)).await?));
        self.0.verified.insert(token.into(), Arc::clone(&principal)).await;
        Ok(principal)
    }

    /// Many requests with one token ask once.
    async fn opaque(&self, token: &str) -> Result<Arc<Principal>, Problem> {
        let answer = self.0.answered.try_get_with(token.into(), self.ask(token)).await;
        answer
            .map_err(|problem| Problem::clone(&problem))?
            .ok_or_else(|| invalid("it is unknown, has ended or was revoked"))
    }

    async fn ask(&self, token: &str) -> Result<Option<Arc<Principal>>, Problem> {
        let asked = self.0.mesh.to(PUBLISHER).post("/internal/tokens/introspect").json(&json!({"token": token}));
        let answer: Introspection = asked.idempotent().send().await?.json().await?;
        let ours = matches!(answer.token_use, Some(TokenUse::PersonalToken | TokenUse::ServiceToken));
        let claims = answer.claims.filter(|claims| answer.active && ours && claims.aud == AUDIENCE);
        Ok(claims.map(|claims| Arc::new(Principal::from(claims))))
    }

    async fn claims(&self, token: &str) -> Result<AccessClaims, Problem> {
        let header = jsonwebtoken::decode_header(token).map_err(|_| invalid("it is not a JWT"))?;
        if header.alg != Algorithm::EdDSA {
            return Err(invalid("its algorithm is not EdDSA"));
        }
        if header.typ.as_deref() != Some(ACCESS_TOKEN_TYPE) {
            return Err(invalid("it is not an access token"));
        }
        let kid = header.kid.ok_or_else(|| invalid("it names no key"))?;
        let key = self.key(&kid).await?.ok_or_else(|| invalid("its key is unknown"))?;
        let mut validation = Validation::new(Algorithm::EdDSA);
        validation.set_issuer(&[ISSUER, &self.0.public_url]);
        validation.set_audience(&[AUDIENCE]);
        validation.set_required_spec_claims(&["iss", "aud", "sub", "exp"]);
        // The injected clock decides; the library knows only the machine's.
        validation.validate_exp = false;
        let claims = jsonwebtoken::decode::<AccessClaims>(token, &key, &validation)
            .map(|data| data.claims)
            .map_err(|_| invalid("its signature or claims are not ours"))?;
        if (claims.iss == ISSUER) == claims.client_id.is_some() {
            return Err(invalid("its issuer is not that of its client"));
        }
        Ok(claims)
    }

    async fn key(&self, kid: &str) -> Result<Option<DecodingKey>, Problem> {
        if let Some(key) = self.known_key(kid).await {
            return Ok(Some(key));
        }
        self.fetch().await?;
        Ok(self.known_key(kid).await)
    }

    async fn known_key(&self, kid: &str) -> Option<DecodingKey> {
        let keys = self.0.keys.read().await;
        keys.find(kid).and_then(|jwk| DecodingKey::from_jwk(jwk).ok())
    }

    /// At most once a second, so that tokens with made-up key names can't turn into load.
    async fn fetch(&self) -> Result<(), Problem> {
        let mut fetched = self.0.fetched.lock().await;
        if fetched.is_some_and(|at| at.elapsed() < Duration::from_secs(1)) {
            return Ok(());
        }
        let response = self.0.mesh.to(PUBLISHER).get("/.well-known/jwks.json").send().await?;
        *self.0.keys.write().await = response.json().await?;
        *fetched = Some(Instant::now());
        Ok(())
    }
}

/// What a client is told with every token that is not good (RFC 6750 section 3.1).
fn invalid_token() -> HeaderValue {
    HeaderValue::from_static("Bearer realm=\"nexus-cos\", error=\"invalid_token\"")
}

#[expect(clippy::borrowed_box, reason = "the cache hands out its keys so")]
fn remembered<T: Clone + Send + Sync + 'static>(life: Duration) -> Cache<Box<str>, T> {
    let weight = |token: &Box<str>, _: &T| u32::try_from(token.len()).unwrap_or(u32::MAX);
    Cache::builder().weigher(weight).max_capacity(REMEMBERED_BYTES).time_to_live(life).build()
}

pub(super) fn invalid(why: &str) -> Problem {
    Problem::unauthorized("invalid-token", format!("the access token is not valid: {why}")).challenge(invalid_token())
}
