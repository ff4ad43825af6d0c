//! Who asks: the person behind a bearer token, or the service behind a mesh call.

use std::fmt;
use std::str::FromStr;
use std::sync::Arc;
use std::time::Duration;

use axum::extract::{FromRequestParts, OptionalFromRequestParts};
use http::HeaderMap;
use http::header::AUTHORIZATION;
use http::request::Parts;
use jsonwebtoken::jwk::JwkSet;
use jsonwebtoken::{Algorithm, DecodingKey, Validation};
use serde::{Deserialize, Serialize};
use tokio::sync::{Mutex, RwLock};
use tokio::time::Instant;
use utoipa::ToSchema;
use uuid::Uuid;

use crate::context::Context;
use crate::ids::{TenantId, UserId};
use crate::mesh::Mesh;
use crate::problem::Problem;
use crate::time::{Clock, Timestamp};

/// The issuer of every access token (`iss`, RFC 7519 section 4.1.1).
pub const ISSUER: &str = "nexus-cos";
/// The audience of every access token (`aud`, RFC 7519 section 4.1.3).
pub const AUDIENCE: &str = "nexus";
/// The service that publishes the keys.
const KEY_PUBLISHER: &str = "token-mgr";
/// The longest access token that is read, in bytes.
const MAX_TOKEN_BYTES: usize = 4_096;
/// How many bytes of tokens that were verified are remembered: a hundred thousand usual ones.
const KNOWN_TOKEN_BYTES: u64 = 48 << 20;

/// What a person may do, from most to least. Each role may do all that the roles below it may.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum Role {
    /// Sees what members may see.
    Member,
    /// Makes and publishes content.
    Editor,
    /// Runs the organisation.
    Admin,
    /// Owns the organisation.
    Owner,
}

impl Role {
    /// All roles, from least to most.
    pub const ALL: [Self; 4] = [Self::Member, Self::Editor, Self::Admin, Self::Owner];

    /// The role's name, as in JSON and policies.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Member => "member",
            Self::Editor => "editor",
            Self::Admin => "admin",
            Self::Owner => "owner",
        }
    }
}

impl fmt::Display for Role {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// The text names no role.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("no such role: {0}; the roles are owner, admin, editor, member")]
pub struct UnknownRole(String);

impl FromStr for Role {
    type Err = UnknownRole;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Self::ALL.into_iter().find(|role| role.as_str() == text).ok_or_else(|| UnknownRole(text.to_owned()))
    }
}

/// What an access token says (RFC 7519 section 4.1, RFC 9068 section 2.2).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct AccessClaims {
    /// Always [`ISSUER`].
    pub iss: String,
    /// Always [`AUDIENCE`].
    pub aud: String,
    /// The person.
    pub sub: UserId,
    /// The organisation.
    pub tid: TenantId,
    /// The session that the token belongs to.
    pub sid: Uuid,
    /// The person's roles.
    pub roles: Vec<Role>,
    /// Scopes, separated by spaces (RFC 6749 section 3.3).
    pub scope: String,
    /// When the token ends, in seconds since the epoch.
    pub exp: i64,
    /// When the token began, in seconds since the epoch.
    pub iat: i64,
    /// The token's own id.
    pub jti: Uuid,
}

/// A signed-in person, as a verified access token names them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Principal {
    /// The person.
    pub user: UserId,
    /// The organisation.
    pub tenant: TenantId,
    /// The session.
    pub session: Uuid,
    /// The person's roles.
    pub roles: Vec<Role>,
    /// What the token is limited to; empty for a session's own token.
    pub scopes: Vec<String>,
    /// When the token ends.
    pub expires_at: Timestamp,
}

impl From<AccessClaims> for Principal {
    fn from(claims: AccessClaims) -> Self {
        Self {
            user: claims.sub,
            tenant: claims.tid,
            session: claims.sid,
            roles: claims.roles,
            scopes: claims.scope.split_ascii_whitespace().map(str::to_owned).collect(),
            expires_at: Timestamp::from_micros(claims.exp.saturating_mul(1_000_000)),
        }
    }
}

impl Principal {
    /// Whether the person has this role or one above it.
    pub fn is_at_least(&self, role: Role) -> bool {
        self.roles.iter().any(|held| *held >= role)
    }
}

/// Verifies access tokens against the published keys, which it keeps and fetches again when a token names an unknown one.
#[derive(Debug, Clone)]
pub struct TokenVerifier(Arc<Inner>);

struct Inner {
    mesh: Mesh,
    clock: Clock,
    keys: RwLock<JwkSet>,
    fetched: Mutex<Option<Instant>>,
    /// By the whole token: looking one up costs a hash with a key of this process's own, and no two tokens are taken for one.
    verified: moka::future::Cache<Box<str>, Principal>,
}

impl fmt::Debug for Inner {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TokenVerifier").finish_non_exhaustive()
    }
}

impl TokenVerifier {
    /// A verifier that fetches keys over this mesh.
    pub fn new(mesh: Mesh, clock: Clock) -> Self {
        let verified = moka::future::Cache::builder()
            .weigher(weight)
            .max_capacity(KNOWN_TOKEN_BYTES)
            .time_to_live(Duration::from_mins(1))
            .build();
        Self(Arc::new(Inner {
            mesh,
            clock,
            keys: RwLock::new(JwkSet { keys: Vec::new() }),
            fetched: Mutex::new(None),
            verified,
        }))
    }

    /// The person that a token names, or 401. Whether the session was revoked is the gateway's to know.
    pub async fn verify(&self, token: &str) -> Result<Principal, Problem> {
        if token.len() > MAX_TOKEN_BYTES {
            return Err(invalid("the token is too long"));
        }
        let principal = match self.0.verified.get(token).await {
            Some(known) => known,
            // In a box, so that not every request carries room for it.
            None => Box::pin(self.learn(token)).await?,
        };
        if principal.expires_at <= self.0.clock.now() {
            return Err(Problem::unauthorized("expired-token", "the access token has expired; refresh it"));
        }
        Ok(principal)
    }

    async fn learn(&self, token: &str) -> Result<Principal, Problem> {
        let principal = Principal::from(self.claims(token).await?);
        self.0.verified.insert(token.into(), principal.clone()).await;
        Ok(principal)
    }

    async fn claims(&self, token: &str) -> Result<AccessClaims, Problem> {
        let header = jsonwebtoken::decode_header(token).map_err(|_| invalid("it is not a JWT"))?;
        if header.alg != Algorithm::EdDSA {
            return Err(invalid("its algorithm is not EdDSA"));
        }
        let kid = header.kid.ok_or_else(|| invalid("it names no key"))?;
        let key = self.key(&kid).await?.ok_or_else(|| invalid("its key is unknown"))?;
        let mut validation = Validation::new(Algorithm::EdDSA);
        validation.set_issuer(&[ISSUER]);
        validation.set_audience(&[AUDIENCE]);
        validation.set_required_spec_claims(&["iss", "aud", "sub", "exp"]);
        // The injected clock decides; the library knows only the machine's.
        validation.validate_exp = false;
        jsonwebtoken::decode::<AccessClaims>(token, &key, &validation)
            .map(|data| data.claims)
            .map_err(|_| invalid("its signature or claims are not ours"))
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
        let response = self.0.mesh.to(KEY_PUBLISHER).get("/.well-known/jwks.json").send().await?;
        *self.0.keys.write().await = response.json().await?;
        *fetched = Some(Instant::now());
        Ok(())
    }
}

#[expect(clippy::borrowed_box, reason = "the cache hands out its keys so")]
fn weight(token: &Box<str>, _: &Principal) -> u32 {
    u32::try_from(token.len()).unwrap_or(u32::MAX)
}

fn invalid(why: &str) -> Problem {
    Problem::unauthorized("invalid-token", format!("the access token is not valid: {why}"))
}

/// The bearer token of a request (RFC 6750 section 2.1), if it carries one.
pub fn bearer(headers: &HeaderMap) -> Result<Option<&str>, Problem> {
    let Some(header) = headers.get(AUTHORIZATION) else { return Ok(None) };
    let text = header.to_str().map_err(|_| invalid("the Authorization header is not text"))?;
    match text.split_once(' ') {
        Some((scheme, token)) if scheme.eq_ignore_ascii_case("bearer") => Ok(Some(token.trim())),
        _ => Err(invalid("the Authorization header is not `Bearer <token>`")),
    }
}

impl FromRequestParts<Context> for Principal {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, context: &Context) -> Result<Self, Problem> {
        match bearer(&parts.headers)? {
            Some(token) => context.tokens.verify(token).await,
            None => Err(Problem::unauthorized("not-signed-in", "send an access token as `Authorization: Bearer`")),
        }
    }
}

/// The person behind a request that anybody may make; a token that is there must still be good.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MaybePrincipal(pub Option<Principal>);

impl FromRequestParts<Context> for MaybePrincipal {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, context: &Context) -> Result<Self, Problem> {
        match bearer(&parts.headers)? {
            Some(token) => context.tokens.verify(token).await.map(|principal| Self(Some(principal))),
            None => Ok(Self(None)),
        }
    }
}

/// The service that makes a mesh call. The mesh puts it into the request; nothing outside the mesh can.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Caller(pub String);

impl Caller {
    /// 403 unless the caller is one of these.
    pub fn must_be(&self, allowed: &[&str]) -> Result<(), Problem> {
        if allowed.contains(&self.0.as_str()) {
            return Ok(());
        }
        Err(Problem::forbidden("caller-not-allowed", format!("{} may not call this", self.0)))
    }
}

impl<S: Sync> FromRequestParts<S> for Caller {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Problem> {
        parts.extensions.get::<Self>().cloned().ok_or_else(|| Problem::not_found("there is nothing at this path"))
    }
}

impl<S: Sync> OptionalFromRequestParts<S> for Caller {
    type Rejection = std::convert::Infallible;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Option<Self>, Self::Rejection> {
        Ok(parts.extensions.get::<Self>().cloned())
    }
}
