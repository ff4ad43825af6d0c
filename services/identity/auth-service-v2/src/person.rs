//! What applications learn of a person (`OpenID` Connect Core section 5.4), and the ID tokens that say so.

use std::time::Duration;

use nexus_contracts::session_mgr::SessionId;
use nexus_contracts::token_mgr::{SignIdToken, TokenMgr};
use nexus_contracts::user_auth::Person;
use nexus_kernel::auth::AuthenticationMethod;
use nexus_kernel::config::Secret;
use nexus_kernel::{Context, Timestamp, UserId};
use serde_json::{Map, Value, json};

use crate::application::Application;
use crate::oauth_error::OAuthError;
use crate::scope::Scope;

/// How long an ID token is good.
const LIFETIME: Duration = Duration::from_mins(5);

/// The claims that scopes open.
pub(crate) fn claims(person: &Person, scope: &Scope) -> Map<String, Value> {
    let mut claims = Map::new();
    let mut say = |name: &str, value: Value| claims.insert(name.to_owned(), value);
    say("sub", json!(person.user));
    if scope.contains("profile") {
        say("name", json!(person.name));
        say("updated_at", json!(person.updated_at.as_seconds()));
    }
    if scope.contains("email") {
        say("email", json!(person.email));
        say("email_verified", json!(person.email_verified));
    }
    if scope.contains("groups") {
        say("groups", json!(person.groups));
        say("roles", json!(person.roles));
    }
    claims
}

/// A sign-in, as an ID token tells it.
#[derive(Debug)]
pub(crate) struct SignIn<'a> {
    pub(crate) user: UserId,
    pub(crate) session: SessionId,
    pub(crate) authenticated_at: Timestamp,
    pub(crate) methods: &'a [AuthenticationMethod],
    pub(crate) nonce: Option<&'a str>,
    /// What else is known of the person.
    pub(crate) about: Map<String, Value>,
}

/// Signs an ID token (`OpenID` Connect Core section 2).
pub(crate) async fn id_token(
    context: &Context,
    application: &Application,
    sign_in: SignIn<'_>,
) -> Result<Secret, OAuthError> {
    let mut claims = sign_in.about;
    claims.insert("sub".to_owned(), json!(sign_in.user));
    claims.insert("aud".to_owned(), json!(application.id));
    claims.insert("exp".to_owned(), json!(context.clock.now().plus(LIFETIME).as_seconds()));
    claims.insert("auth_time".to_owned(), json!(sign_in.authenticated_at.as_seconds()));
    claims.insert("sid".to_owned(), json!(sign_in.session));
    if !sign_in.methods.is_empty() {
        claims.insert("amr".to_owned(), json!(sign_in.methods));
    }
    if let Some(nonce) = sign_in.nonce {
        claims.insert("nonce".to_owned(), json!(nonce));
    }
    let algorithm = application.definition.id_token_signed_response_alg;
    let request = SignIdToken { claims, algorithm, kind: None };
    Ok(TokenMgr::new(&context.mesh).sign_id_token(&request).await?.id_token)
}
