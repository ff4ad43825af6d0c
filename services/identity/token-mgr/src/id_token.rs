//! ID tokens and their kind: statements about a person that are meant for an application (`OpenID` Connect Core section 2).

use jsonwebtoken::Header;
use nexus_contracts::token_mgr::{LONGEST_LIFETIME, SignIdToken, SignedIdToken};
use nexus_kernel::config::Secret;
use nexus_kernel::{Context, Timestamp};
use serde_json::{Map, Value};

use crate::access_token;
use crate::error::Error;
use crate::keys::KeyRing;

/// The types that such a statement may have. An access token's is not among them, so that none can be made here.
const KINDS: [&str; 2] = ["JWT", "logout+jwt"];

/// Signs one.
pub(crate) async fn sign(context: &Context, request: SignIdToken) -> Result<SignedIdToken, Error> {
    let now = context.clock.now();
    let kind = request.kind.as_deref().unwrap_or(KINDS[0]);
    if !KINDS.contains(&kind) {
        return Err(Error::InvalidClaims("a type that is `JWT` or `logout+jwt`"));
    }
    let mut claims = request.claims;
    check(&claims, now)?;
    claims.insert("iss".to_owned(), access_token::issuer(context, true).into());
    claims.insert("iat".to_owned(), now.as_seconds().into());
    let key = context.state::<KeyRing>().signing(context, request.algorithm).await?;
    let mut header = Header::new(key.jwt_algorithm());
    header.typ = Some(kind.to_owned());
    header.kid = Some(key.kid.clone());
    let token = jsonwebtoken::encode(&header, &claims, &key.encoding_key()?)?;
    Ok(SignedIdToken { id_token: Secret::from(token.as_str()) })
}

fn check(claims: &Map<String, Value>, now: Timestamp) -> Result<(), Error> {
    let audience = match claims.get("aud") {
        Some(Value::String(one)) => !one.is_empty(),
        Some(Value::Array(several)) => !several.is_empty() && several.iter().all(Value::is_string),
        _ => false,
    };
    if !audience {
        return Err(Error::InvalidClaims("an audience"));
    }
    let latest = now.plus(LONGEST_LIFETIME).as_seconds();
    if !claims.get("exp").and_then(Value::as_i64).is_some_and(|end| end > now.as_seconds() && end <= latest) {
        return Err(Error::InvalidClaims("an end within the next hour"));
    }
    Ok(())
}
