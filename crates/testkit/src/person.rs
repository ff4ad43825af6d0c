//! People for tests, with tokens signed by a key that the test cloud trusts.

use axum::routing::get;
use axum::{Json, Router};
use jsonwebtoken::{Algorithm, EncodingKey, Header};
use nexus_kernel::auth::{ACCESS_TOKEN_TYPE, AUDIENCE, AccessClaims, AuthenticationMethod, ISSUER};
use nexus_kernel::{Role, TenantId, Timestamp, UserId};
use serde_json::json;
use uuid::Uuid;

/// A signing key for tests only (RFC 8410), and its public half as a JWK coordinate.
const PRIVATE_KEY: &str = "-----BEGIN PRIVATE KEY-----\nMC4CAQAwBQYDK2VwBCIEIJ1hsZ3v/VpguoRK9JLsLMREScVpezJpGXA7rAMcrn9g\n-----END PRIVATE KEY-----\n";
const PUBLIC_X: &str = "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo";
const KEY_ID: &str = "test";

/// Somebody who is signed in.
#[derive(Debug, Clone)]
pub struct Person {
    /// Who.
    pub user: UserId,
    /// Of which organisation.
    pub tenant: TenantId,
    /// In which session.
    pub session: Uuid,
    /// With which role.
    pub role: Role,
}

impl Person {
    /// Somebody new in a new organisation.
    pub fn new(role: Role) -> Self {
        Self::of(TenantId(Uuid::now_v7()), role)
    }

    /// Somebody new in this organisation.
    pub fn of(tenant: TenantId, role: Role) -> Self {
        Self { user: UserId(Uuid::now_v7()), tenant, session: Uuid::now_v7(), role }
    }

    /// What the person's access token says when it is made now.
    pub fn claims(&self, now: Timestamp) -> AccessClaims {
        AccessClaims {
            iss: ISSUER.to_owned(),
            aud: AUDIENCE.to_owned(),
            sub: self.user,
            tid: self.tenant,
            sid: self.session,
            roles: vec![self.role],
            scope: String::new(),
            exp: now.as_seconds() + 300,
            iat: now.as_seconds(),
            jti: Uuid::now_v7(),
            client_id: None,
            auth_time: Some(now.as_seconds()),
            amr: vec![AuthenticationMethod::Password],
            cnf: None,
        }
    }
}

/// Signs claims with the test key.
///
/// # Panics
/// Never: the key and the claims are fixed.
pub fn sign(claims: &AccessClaims) -> String {
    let mut header = Header::new(Algorithm::EdDSA);
    header.typ = Some(ACCESS_TOKEN_TYPE.to_owned());
    header.kid = Some(KEY_ID.to_owned());
    let key = EncodingKey::from_ed_pem(PRIVATE_KEY.as_bytes()).expect("the test key is a PEM");
    jsonwebtoken::encode(&header, claims, &key).expect("claims are JSON")
}

/// Publishes the test key where token-mgr would.
pub fn key_publisher() -> Router {
    let keys =
        json!({"keys": [{"kty": "OKP", "crv": "Ed25519", "alg": "EdDSA", "use": "sig", "kid": KEY_ID, "x": PUBLIC_X}]});
    Router::new()
        .route("/.well-known/jwks.json", get(move || async move { Json(keys) }))
        .route("/health/live", get(|| async { Json(json!({"status": "up"})) }))
}
