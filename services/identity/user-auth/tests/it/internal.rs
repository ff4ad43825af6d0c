use http::Method;
use nexus_testkit::Backend;
use serde_json::json;

use crate::on_each_database;
use crate::support::{OWNER, PASSWORD, member, outcome, ready, register};

on_each_database!(credentials_are_checked_for_auth_service_alone, what_is_announced_can_be_fetched_in_order);

async fn credentials_are_checked_for_auth_service_alone(backend: Backend) {
    let (kit, owner) = ready(backend).await;
    let ask = || {
        kit.request_to("user-auth", Method::POST, "/internal/credentials/verify")
            .json(json!({"email": OWNER, "password": PASSWORD}))
    };
    let _ = ask().send().await.expect(404);
    let _ = ask().bearer(kit.token(&owner)).send().await.expect(404);
    let _ = ask().from_service("streamcore").send().await.expect(403);
    let valid = ask().from_service("auth-service").send().await.expect(200).value();
    assert_eq!(valid["account"], json!({"user": owner.user, "tenant": owner.tenant}));
    assert_eq!(valid["roles"], json!(["owner"]));
    assert_eq!(valid["checked_at"], json!(kit.now()));

    let _ = register(&kit, "grace@example.com", PASSWORD).await.expect(202);
    assert_eq!(outcome(&kit, "grace@example.com", PASSWORD).await, "unverified");
    // A wrong password must not tell that the account is not verified.
    assert_eq!(outcome(&kit, "grace@example.com", "wrong password").await, "invalid");
    assert_eq!(outcome(&kit, "nobody@example.com", PASSWORD).await, "invalid");
    assert_eq!(outcome(&kit, "OWNER@example.com", PASSWORD).await, "valid");
}

async fn what_is_announced_can_be_fetched_in_order(backend: Backend) {
    let (kit, owner) = ready(backend).await;
    let grace = member(&kit, &owner, "grace@example.com").await;
    let events = nexus_testkit::eventually("all events are numbered", async || {
        let reply = kit
            .request_to("user-auth", Method::GET, "/internal/events?after=0&limit=100")
            .from_service("session-mgr")
            .send()
            .await
            .expect(200)
            .text();
        (reply.matches(".v1\"").count() >= 4).then_some(reply)
    })
    .await;
    let at = |text: &str| events.find(text).unwrap_or_else(|| panic!("{text} is not in {events}"));
    assert!(at(&owner.user.to_string()) < at(&grace.user.to_string()));
    assert_eq!(events.matches("user-auth.user.created.v1").count(), 2);
    assert_eq!(events.matches("user-auth.user.verified.v1").count(), 2);
    assert!(!events.contains("example.com"), "an event names the person by id alone");
}
