//! Sessions and their tokens, with the real token-mgr.

use http::Method;
use nexus_contracts::session_mgr::StartedSession;
use nexus_contracts::token_mgr::IssuedTokens;
use nexus_kernel::Role;
use nexus_testkit::{Backend, Person, Reply, Testkit, eventually};
use serde_json::{Value, json};

use crate::on_each_database;
use crate::support::{announced, try_start};

on_each_database!(
    an_ended_session_takes_its_tokens_along,
    a_session_in_use_says_when_it_was_used,
    a_copied_refresh_token_ends_the_session,
);

async fn with_tokens(backend: Backend) -> Testkit {
    Testkit::start(backend, vec![session_mgr::service(), token_mgr::service()]).await
}

/// Starts a session and issues its tokens, as auth-service does.
async fn signed_in(kit: &Testkit, person: &Person) -> IssuedTokens {
    let started: StartedSession = try_start(kit, person, kit.now()).await.expect(200).json();
    kit.request_to("token-mgr", Method::POST, "/internal/tokens")
        .from_service("auth-service")
        .json(json!({
            "session_id": started.session_id, "tenant": person.tenant, "user": person.user,
            "roles": [person.role], "expires_at": started.expires_at,
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
    kit.clock.advance(std::time::Duration::from_mins(2));
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
