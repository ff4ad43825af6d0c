//! A token for the benchmark and the key that it is verified with. Both are public: nothing real trusts them.

use std::io::Write;

use jsonwebtoken::{Algorithm, EncodingKey, Header};
use nexus_kernel::auth::{ACCESS_TOKEN_TYPE, AUDIENCE, AccessClaims, ISSUER};
use nexus_kernel::{Clock, Role, TenantId, UserId};
use serde_json::{Value, json};
use uuid::Uuid;

/// Of RFC 8037 appendix A.1, which everybody knows.
const PRIVATE_KEY: &str = "-----BEGIN PRIVATE KEY-----\nMC4CAQAwBQYDK2VwBCIEIJ1hsZ3v/VpguoRK9JLsLMREScVpezJpGXA7rAMcrn9g\n-----END PRIVATE KEY-----\n";
const PUBLIC_X: &str = "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo";
const KEY_ID: &str = "bench";
/// Longer than any run.
const VALID_SECONDS: i64 = 86_400;

/// Prints a token.
pub(crate) fn print() -> anyhow::Result<()> {
    let now = Clock::system().now().as_seconds();
    let claims = AccessClaims {
        iss: ISSUER.to_owned(),
        aud: AUDIENCE.to_owned(),
        sub: UserId(Uuid::now_v7()),
        tid: TenantId(Uuid::now_v7()),
        sid: Uuid::now_v7(),
        roles: vec![Role::Member],
        scope: String::new(),
        exp: now + VALID_SECONDS,
        iat: now,
        jti: Uuid::now_v7(),
        client_id: None,
        auth_time: None,
        amr: Vec::new(),
        cnf: None,
    };
    let mut header = Header::new(Algorithm::EdDSA);
    header.typ = Some(ACCESS_TOKEN_TYPE.to_owned());
    header.kid = Some(KEY_ID.to_owned());
    let token = jsonwebtoken::encode(&header, &claims, &EncodingKey::from_ed_pem(PRIVATE_KEY.as_bytes())?)?;
    writeln!(std::io::stdout(), "{token}")?;
    Ok(())
}

/// The key as token-mgr publishes its own.
pub(crate) fn published() -> Value {
    json!({"keys": [{"kty": "OKP", "crv": "Ed25519", "alg": "EdDSA", "use": "sig", "kid": KEY_ID, "x": PUBLIC_X}]})
}
