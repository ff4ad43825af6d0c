//! Who comes in: tokens, and sessions that have ended.

use std::time::Duration;

use http::Method;
use nexus_contracts::token_mgr::AccessTokenRevoked;
use nexus_kernel::Role;
use nexus_testkit::{Backend, Person, Testkit, eventually};
use serde_json::json;

use crate::on_each_backend;
use crate::support::{gateway, oauth, partial, required, revoke, sessions, sign_in, started, tokens, uploads};

async fn with_sessions(backend: Backend) -> Testkit {
    Testkit::start(backend, services()).await
}

fn services() -> Vec<nexus_kernel::Service> {
    vec![gateway(), partial(), required(), sessions()]
}

#[tokio::test]
async fn a_service_that_requires_a_token_is_not_even_asked_without_one() {
    let kit = started(|_| {}).await;
    let reply = kit.get("/api/scheduler/tasks").send().await.expect(401);
    assert_eq!(reply.code(), "not-signed-in");
    assert!(reply.header("www-authenticate").starts_with("Bearer"));
    let token = kit.token(&Person::new(Role::Member));
    let _ = kit.get("/api/scheduler/tasks").bearer(token).send().await.expect(200);
}

#[tokio::test]
async fn a_partly_public_service_is_open_and_a_token_that_is_there_must_be_good() {
    let kit = started(|_| {}).await;
    let _ = kit.get("/api/content/echo").send().await.expect(200);
    assert_eq!(kit.get("/api/content/echo").bearer("nonsense").send().await.expect(401).code(), "invalid-token");
    let basic = kit.get("/api/content/echo").header("authorization", "Basic YTpi");
    assert_eq!(basic.send().await.expect(401).code(), "invalid-token");
}

#[tokio::test]
async fn a_token_that_is_forged_or_over_is_refused() {
    let kit = started(|_| {}).await;
    let person = Person::new(Role::Owner);
    let token = kit.token(&person);
    let (head, rest) = token.split_once('.').unwrap();
    let (claims, signature) = rest.split_once('.').unwrap();
    let none = "eyJhbGciOiJub25lIn0";
    for forged in [
        format!("{head}.{claims}."),
        format!("{none}.{claims}."),
        format!("{none}.{claims}.{signature}"),
        format!("{head}.{}.{signature}", claims.replace('a', "b")),
        format!("{token}x"),
        "a".repeat(5_000),
    ] {
        assert_eq!(kit.get("/api/scheduler/tasks").bearer(forged).send().await.expect(401).code(), "invalid-token");
    }
    for (claim, value) in [("iss", json!("elsewhere")), ("aud", json!("elsewhere"))] {
        let token = kit.token_with(&person, serde_json::Map::from_iter([(claim.to_owned(), value)]));
        assert_eq!(kit.get("/api/scheduler/tasks").bearer(token).send().await.expect(401).code(), "invalid-token");
    }
    kit.clock.advance(Duration::from_secs(301));
    assert_eq!(kit.get("/api/scheduler/tasks").bearer(token).send().await.expect(401).code(), "expired-token");
}

#[tokio::test]
async fn a_token_that_is_over_does_not_stand_in_the_way_of_signing_in() {
    let kit = started(|_| {}).await;
    // Neither service runs: what matters is that the gateway tried.
    for path in ["/api/auth/login", "/api/tokens/refresh"] {
        let reply = kit.post(path).bearer("nonsense").json(json!({})).send().await;
        assert_ne!(reply.code(), "invalid-token", "{path}");
    }
}

#[tokio::test]
async fn what_a_route_can_do_is_told_without_a_token() {
    let kit = Testkit::start(Backend::Sqlite, vec![gateway(), uploads()]).await;
    assert_eq!(kit.request(Method::OPTIONS, "/api/dsp/upload/files/1").send().await.expect(200).text(), "tus");
}

async fn a_revoked_session_is_refused_everywhere_and_others_are_not(backend: Backend) {
    let kit = with_sessions(backend).await;
    let (ended, other) = (Person::new(Role::Member), Person::new(Role::Member));
    let (ended_token, other_token) = (kit.token(&ended), kit.token(&other));
    let _ = kit.get("/api/scheduler/tasks").bearer(&ended_token).send().await.expect(200);
    revoke(&kit, &ended).await;
    eventually("the session to be refused", async || {
        let reply = kit.get("/api/scheduler/tasks").bearer(&ended_token).send().await;
        (reply.code() == "session-revoked").then_some(())
    })
    .await;
    for path in ["/api/content/echo", "/api/system/services"] {
        assert_eq!(kit.get(path).bearer(&ended_token).send().await.expect(401).code(), "session-revoked", "{path}");
    }
    let _ = kit.get("/api/scheduler/tasks").bearer(other_token).send().await.expect(200);
}

async fn a_revoked_session_stays_refused_after_a_restart(backend: Backend) {
    let kit = with_sessions(backend).await;
    let person = Person::new(Role::Member);
    let token = kit.token(&person);
    revoke(&kit, &person).await;
    eventually("the session to be refused", async || {
        let reply = kit.get("/api/scheduler/tasks").bearer(&token).send().await;
        (reply.status == 401).then_some(())
    })
    .await;
    let kit = kit.restart(services()).await;
    let reply = kit.get("/api/scheduler/tasks").bearer(&token).send().await.expect(401);
    assert_eq!(reply.code(), "session-revoked");
}

async fn a_revocation_from_before_the_gateway_ran_is_heard(backend: Backend) {
    let kit = Testkit::start(backend, vec![sessions()]).await;
    let person = Person::new(Role::Member);
    let token = kit.token(&person);
    revoke(&kit, &person).await;
    let kit = kit.restart(services()).await;
    eventually("the session to be refused", async || {
        let reply = kit.get("/api/scheduler/tasks").bearer(&token).send().await;
        (reply.code() == "session-revoked").then_some(())
    })
    .await;
}

#[tokio::test]
async fn an_application_proves_who_it_is_at_the_oauth_endpoints_only() {
    let kit = Testkit::start(Backend::Sqlite, vec![gateway(), partial(), oauth()]).await;
    let basic = |path: &str| kit.post(path).header("authorization", "Basic YTpi");
    let seen = basic("/oauth2/token").send().await.expect(200).value();
    assert_eq!(seen["headers"]["authorization"], "Basic YTpi");
    for path in ["/oauth2x", "/api/content/echo", "/api/auth/v2/applications/1"] {
        let asked = kit.get(path).header("authorization", "Basic YTpi");
        assert_ne!(asked.send().await.status, 200, "{path}");
    }
    assert_eq!(kit.post("/oauth2/token").bearer("nonsense").send().await.expect(401).code(), "invalid-token");
}

#[tokio::test]
async fn a_token_that_comes_with_a_proof_of_possession_is_handed_on() {
    let kit = Testkit::start(Backend::Sqlite, vec![gateway(), oauth()]).await;
    let bound = serde_json::Map::from_iter([("cnf".to_owned(), json!({"jkt": "thumb"}))]);
    let token = format!("DPoP {}", kit.token_with(&Person::new(Role::Member), bound));
    let seen = kit.get("/oauth2/userinfo").header("authorization", &token).header("dpop", "proof").send().await;
    let seen = seen.expect(200).value();
    assert_eq!((&seen["headers"]["authorization"], &seen["headers"]["dpop"]), (&json!(token), &json!("proof")));
    let _ = kit.get("/oauth2/userinfo").header("authorization", "DPoP nonsense").send().await.expect(401);
}

/// Where people sign in, a token that has ended must neither stand in the way nor open anything.
async fn a_revoked_sessions_token_is_taken_off_where_people_sign_in(backend: Backend) {
    let kit = Testkit::start(backend, vec![gateway(), sign_in(), required(), sessions()]).await;
    let person = Person::new(Role::Member);
    let token = kit.token(&person);
    let seen = async |name: &str| {
        let asked = kit.post("/api/auth/echo").bearer(&token).header("x-vault-token", &token);
        asked.send().await.expect(200).value()["headers"].get(name).cloned()
    };
    assert_eq!(seen("authorization").await, Some(json!(format!("Bearer {token}"))));
    revoke(&kit, &person).await;
    eventually("the session to be refused", async || {
        let reply = kit.get("/api/scheduler/tasks").bearer(&token).send().await;
        (reply.code() == "session-revoked").then_some(())
    })
    .await;
    assert_eq!((seen("authorization").await, seen("x-vault-token").await), (None, None));
}

async fn a_revoked_token_is_refused_and_its_session_goes_on(backend: Backend) {
    let kit = Testkit::start(backend, vec![gateway(), required(), tokens()]).await;
    let person = Person::new(Role::Member);
    let (token, other) = (kit.token(&person), kit.token(&person));
    let id = kit.context("token-mgr").tokens.verify(&token).await.unwrap().token_id;
    let mut tx = kit.context("token-mgr").store.begin(person.tenant).await.unwrap();
    tx.publish(&AccessTokenRevoked { token_id: id, valid_until: kit.now().plus(Duration::from_mins(5)) })
        .await
        .unwrap();
    tx.commit().await.unwrap();
    let refused = async |kit: &Testkit| {
        eventually("the token to be refused", async || {
            let reply = kit.get("/api/scheduler/tasks").bearer(&token).send().await;
            (reply.code() == "token-revoked").then_some(())
        })
        .await;
    };
    refused(&kit).await;
    let _ = kit.get("/api/scheduler/tasks").bearer(&other).send().await.expect(200);
    let kit = kit.restart(vec![gateway(), required(), tokens()]).await;
    refused(&kit).await;
    let _ = kit.get("/api/scheduler/tasks").bearer(&other).send().await.expect(200);
}

on_each_backend!(
    a_revoked_sessions_token_is_taken_off_where_people_sign_in,
    a_revoked_token_is_refused_and_its_session_goes_on,
    a_revoked_session_is_refused_everywhere_and_others_are_not,
    a_revoked_session_stays_refused_after_a_restart,
    a_revocation_from_before_the_gateway_ran_is_heard,
);
