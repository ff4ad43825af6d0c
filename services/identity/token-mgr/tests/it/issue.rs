use std::time::Duration;

use jsonwebtoken::jwk::JwkSet;
use jsonwebtoken::{Algorithm, DecodingKey, Validation};
use nexus_contracts::token_mgr::IssuedTokens;
use nexus_kernel::Role;
use nexus_kernel::auth::{AUDIENCE, AccessClaims, AuthenticationMethod, ISSUER};
use nexus_testkit::{Backend, Person};

use crate::on_each_database;
use crate::support::{alone, issue, refresh, try_issue};

on_each_database!(
    an_access_token_says_who_and_verifies_with_the_published_key,
    only_auth_service_gets_tokens_and_once_a_session,
    no_token_outlives_its_session,
);

async fn an_access_token_says_who_and_verifies_with_the_published_key(backend: Backend) {
    let kit = alone(backend).await;
    let (person, issued) = issue(&kit).await;
    assert_eq!(issued.session_id.0, person.session);
    assert_eq!(issued.expires_in, 300);
    let token = issued.access_token.expose();
    let header = jsonwebtoken::decode_header(token).unwrap();
    assert_eq!((header.alg, header.typ.as_deref()), (Algorithm::EdDSA, Some("at+jwt")));

    let keys: JwkSet = kit.get("/.well-known/jwks.json").send().await.expect(200).json();
    let key = DecodingKey::from_jwk(keys.find(&header.kid.unwrap()).unwrap()).unwrap();
    let mut validation = Validation::new(Algorithm::EdDSA);
    validation.set_audience(&[AUDIENCE]);
    validation.set_issuer(&[ISSUER]);
    let claims = jsonwebtoken::decode::<AccessClaims>(token, &key, &validation).unwrap().claims;
    assert_eq!((claims.sub, claims.tid, claims.sid), (person.user, person.tenant, person.session));
    assert_eq!(claims.roles, [Role::Editor]);
    assert_eq!(claims.exp - claims.iat, 300);
    assert_eq!((claims.auth_time, claims.client_id), (Some(claims.iat), None));
    assert_eq!(claims.amr, [AuthenticationMethod::Password]);
}

async fn only_auth_service_gets_tokens_and_once_a_session(backend: Backend) {
    let kit = alone(backend).await;
    let person = Person::new(Role::Member);
    let hour = Duration::from_hours(1);
    for service in ["user-auth", "session-mgr", "backend-api"] {
        let refused = try_issue(&kit, service, &person, hour).await.expect(403);
        assert_eq!(refused.code(), "caller-not-allowed");
    }
    let (first, second) =
        tokio::join!(try_issue(&kit, "auth-service", &person, hour), try_issue(&kit, "auth-service", &person, hour));
    let mut answers = [first.status.as_u16(), second.status.as_u16()];
    answers.sort_unstable();
    assert_eq!(answers, [200, 409]);
    assert_eq!(try_issue(&kit, "auth-service", &person, hour).await.expect(409).code(), "family-exists");
}

async fn no_token_outlives_its_session(backend: Backend) {
    let kit = alone(backend).await;
    let minute = Duration::from_mins(1);
    let issued: IssuedTokens =
        try_issue(&kit, "auth-service", &Person::new(Role::Member), minute).await.expect(200).json();
    assert_eq!((issued.expires_in, issued.refresh_expires_in), (60, 60));
    kit.clock.advance(minute);
    assert_eq!(refresh(&kit, issued.refresh_token.expose()).await.expect(401).code(), "invalid-refresh-token");
}
