//! Sessions in which an application acts for a person.

use nexus_contracts::token_mgr::RefreshedGrant;
use nexus_testkit::{Backend, Testkit, eventually};
use serde_json::{Value, json};

use crate::on_each_database;
use crate::support::{alone, announced, ask, claims, introspect, issue, issue_to, refresh, refresh_as, revoke};

on_each_database!(
    an_applications_token_says_so,
    a_refresh_may_narrow_and_never_widens,
    another_clients_token_is_refused_and_stays_good,
    a_persons_own_token_and_an_applications_are_not_taken_for_each_other,
    bound_tokens_are_refreshed_with_their_key_only,
    a_spent_token_ends_the_grant,
    what_an_application_gives_back_ends,
    one_access_token_is_refused_alone,
    an_access_token_alone_is_for_whom_it_names,
    an_access_token_alone_ends_with_its_session,
);

async fn an_applications_token_says_so(backend: Backend) {
    let kit = alone(backend).await;
    let (person, issued) = issue_to(&kit, "printer", "openid content-management:view", Some("thumb")).await;
    let said = claims(issued.access_token.expose());
    assert_eq!((&said["iss"], &said["aud"]), (&json!("http://nexus.test"), &json!("nexus")));
    assert_eq!((&said["client_id"], &said["cnf"]["jkt"]), (&json!("printer"), &json!("thumb")));
    assert_eq!((&said["scope"], &said["sub"]), (&json!("openid content-management:view"), &json!(person.user)));
}

async fn a_refresh_may_narrow_and_never_widens(backend: Backend) {
    let kit = alone(backend).await;
    let (person, issued) = issue_to(&kit, "printer", "openid email", None).await;
    let first = issued.refresh_token.expose();
    for wider in ["openid api", "api", "openid  email profile", "OPENID"] {
        let refused = refresh_as(&kit, first, "printer", json!({"scope": wider})).await.expect(422);
        assert_eq!(refused.code(), "invalid-scope", "{wider}");
    }
    // What was refused was not spent.
    let next: RefreshedGrant = refresh_as(&kit, first, "printer", json!({"scope": "email"})).await.expect(200).json();
    assert_eq!((next.scope.as_str(), next.user, next.tenant), ("email", person.user, person.tenant));
    assert_eq!(claims(next.tokens.access_token.expose())["scope"], "email");
    // Less was asked for once; the grant is as it was (RFC 6749 section 6).
    let third = refresh_as(&kit, next.tokens.refresh_token.expose(), "printer", Value::Null).await.expect(200);
    assert_eq!(third.json::<RefreshedGrant>().scope, "openid email");
}

async fn another_clients_token_is_refused_and_stays_good(backend: Backend) {
    let kit = alone(backend).await;
    let (_, issued) = issue_to(&kit, "printer", "openid", None).await;
    for thief in ["other", "", "PRINTER"] {
        let refused = refresh_as(&kit, issued.refresh_token.expose(), thief, Value::Null).await.expect(401);
        assert_eq!(refused.code(), "invalid-refresh-token");
    }
    for service in ["auth-service", "backend-api", "session-mgr"] {
        let body = json!({"refresh_token": issued.refresh_token, "client_id": "printer"});
        let _ = ask(&kit, service, "/internal/refresh", body).await.expect(403);
    }
    let _ = refresh_as(&kit, issued.refresh_token.expose(), "printer", Value::Null).await.expect(200);
}

async fn a_persons_own_token_and_an_applications_are_not_taken_for_each_other(backend: Backend) {
    let kit = alone(backend).await;
    let (_, own) = issue(&kit).await;
    let (_, granted) = issue_to(&kit, "printer", "openid", None).await;
    let _ = refresh_as(&kit, own.refresh_token.expose(), "printer", Value::Null).await.expect(401);
    let _ = refresh(&kit, granted.refresh_token.expose()).await.expect(401);
    let cookie = format!("nexus_refresh={}", granted.refresh_token.expose());
    let _ = kit.post("/api/tokens/refresh").header("cookie", cookie).send().await.expect(401);
    let _ = refresh(&kit, own.refresh_token.expose()).await.expect(200);
    let _ = refresh_as(&kit, granted.refresh_token.expose(), "printer", Value::Null).await.expect(200);
}

async fn bound_tokens_are_refreshed_with_their_key_only(backend: Backend) {
    let kit = alone(backend).await;
    let (_, issued) = issue_to(&kit, "printer", "openid", Some("thumb")).await;
    let token = issued.refresh_token.expose();
    for key in [Value::Null, json!("other")] {
        let _ = refresh_as(&kit, token, "printer", json!({"confirmation": key})).await.expect(401);
    }
    let next = refresh_as(&kit, token, "printer", json!({"confirmation": "thumb"})).await.expect(200);
    let next: RefreshedGrant = next.json();
    assert_eq!(claims(next.tokens.access_token.expose())["cnf"]["jkt"], "thumb");
}

async fn a_spent_token_ends_the_grant(backend: Backend) {
    let kit = alone(backend).await;
    let (person, issued) = issue_to(&kit, "printer", "openid", None).await;
    let first = issued.refresh_token.expose();
    let next: RefreshedGrant = refresh_as(&kit, first, "printer", Value::Null).await.expect(200).json();
    let _ = refresh_as(&kit, first, "printer", Value::Null).await.expect(401);
    let _ = refresh_as(&kit, next.tokens.refresh_token.expose(), "printer", Value::Null).await.expect(401);
    let end = end_of(&kit, &person.session.to_string()).await;
    assert!(end.contains("\"reused\"") && end.contains("\"printer\""), "{end}");
}

/// What was announced of a family's end.
async fn end_of(kit: &Testkit, session: &str) -> String {
    eventually("the family's end is announced", async || {
        let events = announced(kit).await;
        (events.contains("family.ended.v1") && events.contains(session)).then_some(events)
    })
    .await
}

async fn give_back(kit: &Testkit, token: &str, client: &str) {
    let body = json!({"token": token, "client_id": client});
    let _ = ask(kit, "auth-service-v2", "/internal/tokens/revoke", body).await.expect(204);
}

async fn what_an_application_gives_back_ends(backend: Backend) {
    let kit = alone(backend).await;
    let (person, issued) = issue_to(&kit, "printer", "openid", None).await;
    let token = issued.refresh_token.expose();
    // Another's stays, and nobody learns that it is there.
    for thief in ["other", ""] {
        give_back(&kit, token, thief).await;
    }
    give_back(&kit, "nonsense", "printer").await;
    let next: RefreshedGrant = refresh_as(&kit, token, "printer", Value::Null).await.expect(200).json();
    let (_, own) = issue(&kit).await;
    give_back(&kit, own.refresh_token.expose(), "printer").await;
    let _ = refresh(&kit, own.refresh_token.expose()).await.expect(200);

    give_back(&kit, next.tokens.refresh_token.expose(), "printer").await;
    let _ = refresh_as(&kit, next.tokens.refresh_token.expose(), "printer", Value::Null).await.expect(401);
    assert_eq!(introspect(&kit, next.tokens.access_token.expose()).await, json!({"active": false}));
    assert!(end_of(&kit, &person.session.to_string()).await.contains("\"returned\""));
    // session-mgr hears of it and asks for the same: there is nothing to announce again.
    let _ = revoke(&kit, "session-mgr", &person).await.expect(204);
    assert_eq!(announced(&kit).await.matches("family.ended.v1").count(), 1);
}

async fn one_access_token_is_refused_alone(backend: Backend) {
    let kit = alone(backend).await;
    let (_, issued) = issue_to(&kit, "printer", "openid", None).await;
    let token = issued.access_token.expose();
    give_back(&kit, token, "other").await;
    assert_eq!(introspect(&kit, token).await["active"], true);
    for _ in 0..2 {
        give_back(&kit, token, "printer").await;
    }
    assert_eq!(introspect(&kit, token).await, json!({"active": false}));
    let events = eventually("it is announced", async || {
        let events = announced(&kit).await;
        events.contains("access-token.revoked.v1").then_some(events)
    })
    .await;
    assert!(events.contains(claims(token)["jti"].as_str().unwrap()) && !events.contains(token));
    assert_eq!(events.matches("access-token.revoked.v1").count(), 1);
    let _ = refresh_as(&kit, issued.refresh_token.expose(), "printer", Value::Null).await.expect(200);
}

fn alone_request(of: &Value, changes: &Value) -> Value {
    let mut request = json!({
        "tenant": of["tid"], "user": of["sub"], "roles": ["member"], "scope": "scheduler", "client_id": "robot",
        "session": null, "authenticated_at": null, "methods": [], "confirmation": null, "audience": null,
        "lifetime_seconds": 600,
    });
    request.as_object_mut().unwrap().extend(changes.as_object().cloned().unwrap());
    request
}

async fn an_access_token_alone_is_for_whom_it_names(backend: Backend) {
    let kit = alone(backend).await;
    let (_, issued) = issue(&kit).await;
    let of = claims(issued.access_token.expose());
    let ask_for = async |changes: Value| {
        let reply = ask(&kit, "auth-service-v2", "/internal/access-tokens", alone_request(&of, &changes)).await;
        reply.expect(200).value()
    };
    let reply = ask_for(json!({})).await;
    assert_eq!(reply["expires_in"], 600);
    let said = claims(reply["access_token"].as_str().unwrap());
    assert_eq!(
        (&said["client_id"], &said["scope"], &said["sid"]),
        (&json!("robot"), &json!("scheduler"), &said["jti"])
    );
    // However long it is asked for, it is not good for longer than an hour.
    assert_eq!(ask_for(json!({"lifetime_seconds": 1_000_000})).await["expires_in"], 3_600);
    // One for another server is good there, and not here.
    let elsewhere = ask_for(json!({"audience": "https://photos.example"})).await;
    let elsewhere = elsewhere["access_token"].as_str().unwrap();
    assert_eq!(introspect(&kit, elsewhere).await["aud"], "https://photos.example");
    let refused = kit.get("/api/tokens/personal").bearer(elsewhere).send().await.expect(401);
    assert_eq!(refused.code(), "invalid-token");
    let _ = ask(&kit, "auth-service", "/internal/access-tokens", alone_request(&of, &json!({}))).await.expect(403);
}

async fn an_access_token_alone_ends_with_its_session(backend: Backend) {
    let kit = alone(backend).await;
    let (person, issued) = issue_to(&kit, "printer", "openid", None).await;
    let of = claims(issued.access_token.expose());
    let request = alone_request(&of, &json!({"session": person.session}));
    let reply = ask(&kit, "auth-service-v2", "/internal/access-tokens", request.clone()).await.expect(200).value();
    let token = reply["access_token"].as_str().unwrap();
    assert_eq!(claims(token)["sid"], json!(person.session));
    // Not for somebody else's session.
    let other = alone_request(&of, &json!({"session": person.session, "user": person.tenant}));
    let refused = ask(&kit, "auth-service-v2", "/internal/access-tokens", other).await.expect(409);
    assert_eq!(refused.code(), "session-ended");
    let _ = revoke(&kit, "session-mgr", &person).await.expect(204);
    assert_eq!(introspect(&kit, token).await, json!({"active": false}));
    let _ = ask(&kit, "auth-service-v2", "/internal/access-tokens", request).await.expect(409);
}
