//! What a token is, for those who are shown it.

use std::time::Duration;

use nexus_contracts::session_mgr::SESSION_LIFETIME;
use nexus_testkit::Backend;
use serde_json::json;

use crate::on_each_database;
use crate::support::{alone, ask, introspect, issue, issue_to, next_token, refresh, revoke};

on_each_database!(
    a_good_token_is_told_as_rfc_7662_says,
    of_a_token_that_is_not_good_nothing_is_told,
    strangers_learn_nothing,
);

async fn a_good_token_is_told_as_rfc_7662_says(backend: Backend) {
    let kit = alone(backend).await;
    let (person, issued) = issue_to(&kit, "printer", "openid email", None).await;
    let access = introspect(&kit, issued.access_token.expose()).await;
    assert_eq!((&access["active"], &access["token_use"]), (&json!(true), &json!("access_token")));
    assert_eq!((&access["client_id"], &access["scope"]), (&json!("printer"), &json!("openid email")));
    assert_eq!((&access["sub"], &access["iss"]), (&json!(person.user), &json!("http://nexus.test")));
    assert_eq!(access["exp"].as_i64().unwrap() - access["iat"].as_i64().unwrap(), 300);
    let refresh = introspect(&kit, issued.refresh_token.expose()).await;
    assert_eq!((&refresh["active"], &refresh["token_use"]), (&json!(true), &json!("refresh_token")));
    assert_eq!(refresh["exp"], json!(kit.now().plus(SESSION_LIFETIME).as_seconds()));
}

async fn of_a_token_that_is_not_good_nothing_is_told(backend: Backend) {
    let kit = alone(backend).await;
    let nothing = json!({"active": false});
    let (_, issued) = issue(&kit).await;
    let (access, spent) = (issued.access_token.expose(), issued.refresh_token.expose());
    let next = next_token(&refresh(&kit, spent).await.expect(200));
    let (head, rest) = access.split_once('.').unwrap();
    let (payload, signature) = rest.split_once('.').unwrap();
    for token in [
        "",
        "x",
        "a.b.c",
        spent,
        &format!("{head}.{payload}."),
        &format!("{head}.{payload}.{}", signature.chars().rev().collect::<String>()),
        &format!("eyJhbGciOiJub25lIn0.{payload}."),
        &"A".repeat(43),
        &format!("nxp_{}", "A".repeat(43)),
        &format!("nxs_{}", "A".repeat(43)),
        &"x".repeat(100_000),
    ] {
        assert_eq!(introspect(&kit, token).await, nothing, "{token}");
    }
    kit.clock.advance(Duration::from_mins(5));
    assert_eq!(introspect(&kit, access).await, nothing, "expired");
    assert_eq!(introspect(&kit, &next).await["active"], true);
    let (person, issued) = issue(&kit).await;
    let _ = revoke(&kit, "session-mgr", &person).await.expect(204);
    for token in [issued.access_token.expose(), issued.refresh_token.expose()] {
        assert_eq!(introspect(&kit, token).await, nothing, "revoked");
    }
}

async fn strangers_learn_nothing(backend: Backend) {
    let kit = alone(backend).await;
    let (_, issued) = issue(&kit).await;
    let body = json!({"token": issued.access_token});
    let asked = kit.request_to("token-mgr", http::Method::POST, "/internal/tokens/introspect").json(&body);
    let _ = asked.bearer(issued.access_token.expose()).send().await.expect(404);
    for wrong in [json!({}), json!({"token": 1}), json!({"token": null}), json!([])] {
        let _ = ask(&kit, "scheduler", "/internal/tokens/introspect", wrong).await.expect(422);
    }
}
