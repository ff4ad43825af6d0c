//! Sessions and their tokens, with the real token-mgr.

use std::time::Duration;

use http::Method;
use nexus_contracts::session_mgr::StartedSession;
use nexus_contracts::token_mgr::IssuedTokens;
use nexus_kernel::Role;
use nexus_testkit::{Backend, Person, Reply, Testkit, eventually};
use serde_json::{Value, json};

use crate::on_each_database;
use crate::support::{announced, revoke_user, try_start, try_start_for};

on_each_database!(
    an_ended_session_takes_its_tokens_along,
    a_session_in_use_says_when_it_was_used,
    a_copied_refresh_token_ends_the_session,
    a_session_that_is_not_used_for_too_long_ends,
    what_an_application_gives_back_ends_its_session,
    personal_tokens_follow_a_changed_account,
);

async fn with_tokens(backend: Backend) -> Testkit {
    Testkit::start(backend, vec![session_mgr::service(), token_mgr::service()]).await
}

/// Starts a session and issues its tokens, as auth-service does.
async fn signed_in(kit: &Testkit, person: &Person) -> IssuedTokens {
    let started: StartedSession = try_start(kit, person, kit.now()).await.expect(200).json();
    issue(kit, person, &started, &Value::Null).await
}

async fn issue(kit: &Testkit, person: &Person, started: &StartedSession, grant: &Value) -> IssuedTokens {
    kit.request_to("token-mgr", Method::POST, "/internal/tokens")
        .from_service("auth-service")
        .json(json!({
            "session_id": started.session_id, "tenant": person.tenant, "user": person.user,
            "roles": [person.role], "expires_at": started.expires_at, "authenticated_at": kit.now(),
            "methods": ["pwd"], "grant": grant,
        }))
        .send()
        .await
        .expect(200)
        .json()
}

async fn refresh(kit: &Testkit, token: &str) -> Reply {
    kit.post("/api/tokens/refresh").json(json!({"refresh_token": token})).send().await
}

async fn sessions(kit: &Testkit, tokens: &IssuedTokens) -> Vec<Value> {
    let list = kit.get("/api/sessions").bearer(tokens.access_token.expose()).send().await.expect(200).value();
    list["items"].as_array().unwrap().clone()
}

async fn an_ended_session_takes_its_tokens_along(backend: Backend) {
    let kit = with_tokens(backend).await;
    let person = Person::new(Role::Member);
    let (here, there) = (signed_in(&kit, &person).await, signed_in(&kit, &person).await);
    let path = format!("/api/sessions/{}", there.session_id);
    let _ = kit.delete(&path).bearer(here.access_token.expose()).send().await.expect(204);
    let mut token = there.refresh_token.expose().to_owned();
    eventually("the session's tokens end", async || {
        let reply = refresh(&kit, &token).await;
        if reply.status.as_u16() == 401 {
            return Some(());
        }
        // Not yet: the next attempt is with the successor, as a spent token would be refused for another reason.
        reply.expect(200).value()["refresh_token"].as_str().unwrap().clone_into(&mut token);
        None
    })
    .await;
    let _ = refresh(&kit, here.refresh_token.expose()).await.expect(200);
}

async fn a_session_in_use_says_when_it_was_used(backend: Backend) {
    let kit = with_tokens(backend).await;
    let tokens = signed_in(&kit, &Person::new(Role::Member)).await;
    kit.clock.advance(Duration::from_mins(2));
    let _ = refresh(&kit, tokens.refresh_token.expose()).await.expect(200);
    let used_at = json!(kit.now());
    eventually("the use is noted", async || {
        (sessions(&kit, &tokens).await[0]["last_seen_at"] == used_at).then_some(())
    })
    .await;
}

async fn a_copied_refresh_token_ends_the_session(backend: Backend) {
    let kit = with_tokens(backend).await;
    let tokens = signed_in(&kit, &Person::new(Role::Member)).await;
    let _ = refresh(&kit, tokens.refresh_token.expose()).await.expect(200);
    let _ = refresh(&kit, tokens.refresh_token.expose()).await.expect(401);
    eventually("the session ends", async || sessions(&kit, &tokens).await.is_empty().then_some(())).await;
    eventually("its end is announced", async || announced(&kit).await.contains("refresh-token-reused").then_some(()))
        .await;
}

async fn a_session_that_is_not_used_for_too_long_ends(backend: Backend) {
    let services = vec![session_mgr::service(), token_mgr::service()];
    let kit = Testkit::start_with(backend, services, |config| config.sessions.idle_minutes = 3).await;
    let person = Person::new(Role::Member);
    let (here, _) = (signed_in(&kit, &person).await, signed_in(&kit, &person).await);
    kit.clock.advance(Duration::from_mins(2));
    let here: Value = refresh(&kit, here.refresh_token.expose()).await.expect(200).value();
    kit.clock.advance(Duration::from_mins(1));
    kit.context("token-mgr").wake("end-idle");
    let bearer = here["access_token"].as_str().unwrap();
    eventually("the other session ends", async || {
        let list = kit.get("/api/sessions").bearer(bearer).send().await.expect(200).value();
        let left = list["items"].as_array().unwrap().clone();
        (left.len() == 1 && left[0]["current"] == true).then_some(())
    })
    .await;
    eventually("its end is announced", async || announced(&kit).await.contains("\"idle\"").then_some(())).await;
}

async fn what_an_application_gives_back_ends_its_session(backend: Backend) {
    let kit = with_tokens(backend).await;
    let person = Person::new(Role::Member);
    let here = signed_in(&kit, &person).await;
    let started: StartedSession =
        try_start_for(&kit, &person, kit.now(), Some("Photo Printer")).await.expect(200).json();
    let grant = json!({"client_id": "printer", "scope": "openid", "confirmation": null});
    let issued: IssuedTokens = issue(&kit, &person, &started, &grant).await;
    assert!(sessions(&kit, &here).await.iter().any(|session| session["client"] == "Photo Printer"));
    let _ = kit
        .request_to("token-mgr", Method::POST, "/internal/tokens/revoke")
        .from_service("auth-service-v2")
        .json(json!({"token": issued.refresh_token, "client_id": "printer"}))
        .send()
        .await
        .expect(204);
    eventually("its session ends", async || (sessions(&kit, &here).await.len() == 1).then_some(())).await;
    eventually("and says why", async || announced(&kit).await.contains("tokens-revoked").then_some(())).await;
}

async fn personal_tokens_follow_a_changed_account(backend: Backend) {
    let kit = with_tokens(backend).await;
    let person = Person::new(Role::Admin);
    let here = signed_in(&kit, &person).await;
    let wish = json!({"name": "x", "scopes": ["api"], "expires_at": kit.now().plus(Duration::from_hours(1))});
    let made = kit.post("/api/tokens/personal").bearer(here.access_token.expose()).json(wish).send().await.expect(201);
    let personal = made.value()["token"].as_str().unwrap().to_owned();
    let said = async || {
        let asked = kit.request_to("token-mgr", Method::POST, "/internal/tokens/introspect");
        asked.from_service("scheduler").json(json!({"token": personal})).send().await.expect(200).value()
    };
    assert_eq!(said().await["roles"], json!(["admin"]));
    kit.clock.advance(Duration::from_secs(1));
    // The roles that it has now are none: nobody said any.
    let _ = revoke_user(&kit, "user-auth", &person, kit.now()).await.expect(204);
    eventually("the token has the account's roles", async || (said().await["roles"] == json!([])).then_some(())).await;
    let body = json!({"tenant": person.tenant, "authenticated_before": kit.now(), "reason": "account-deactivated"});
    let path = format!("/internal/users/{}/revoke", person.user);
    let asked = kit.request_to("session-mgr", Method::POST, &path).from_service("user-auth");
    let _ = asked.json(body).send().await.expect(204);
    eventually("the token is gone", async || (said().await == json!({"active": false})).then_some(())).await;
}
