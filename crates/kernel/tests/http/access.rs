//! Who asks, and what they may do.

use std::time::Duration;

use http::Method;
use nexus_kernel::Role;
use nexus_testkit::{Backend, Person, Testkit};
use serde_json::{Map, json};

use crate::support::{Inside, NAME, service};

async fn started() -> Testkit {
    Testkit::start(Backend::Sqlite, vec![service(&Inside::default())]).await
}

#[tokio::test]
async fn a_handler_that_needs_a_person_gets_the_one_of_the_token() {
    let kit = started().await;
    let person = Person::new(Role::Member);
    assert_eq!(
        kit.get("/api/scheduler/me").bearer(kit.token(&person)).send().await.expect(200).text(),
        person.user.to_string()
    );
    let reply = kit.get("/api/scheduler/me").send().await.expect(401);
    assert_eq!(reply.code(), "not-signed-in");
    assert!(reply.header("www-authenticate").starts_with("Bearer"));
}

#[tokio::test]
async fn a_token_that_is_not_ours_or_over_is_refused() {
    let kit = started().await;
    let person = Person::new(Role::Owner);
    for (claim, value) in [("iss", json!("elsewhere")), ("aud", json!("elsewhere"))] {
        let token = kit.token_with(&person, Map::from_iter([(claim.to_owned(), value)]));
        assert_eq!(
            kit.get("/api/scheduler/me").bearer(token).send().await.expect(401).code(),
            "invalid-token",
            "{claim}"
        );
    }
    let token = kit.token(&person);
    let (rest, _) = token.rsplit_once('.').unwrap();
    for forged in [format!("{rest}."), format!("{rest}.AAAA"), "a.b.c".to_owned(), "x".repeat(5_000)] {
        assert_eq!(kit.get("/api/scheduler/me").bearer(forged).send().await.expect(401).code(), "invalid-token");
    }
    let _ = kit.get("/api/scheduler/me").bearer(&token).send().await.expect(200);
    kit.clock.advance(Duration::from_mins(5));
    assert_eq!(kit.get("/api/scheduler/me").bearer(token).send().await.expect(401).code(), "expired-token");
}

#[tokio::test]
async fn a_route_for_everybody_still_wants_a_good_token_when_there_is_one() {
    let kit = started().await;
    let _ = kit.get("/api/scheduler/notes/public").send().await.expect(200);
    assert_eq!(kit.get("/api/scheduler/notes/public").bearer("x").send().await.expect(401).code(), "invalid-token");
}

#[tokio::test]
async fn policies_decide_and_nothing_else_is_allowed() {
    let kit = started().await;
    let make = |role| {
        let token = kit.token(&Person::new(role));
        kit.post("/api/scheduler/notes").bearer(token).json(json!({"text": "a", "weight": 1}))
    };
    for role in [Role::Editor, Role::Admin, Role::Owner] {
        let _ = make(role).send().await.expect(201);
    }
    assert_eq!(make(Role::Member).send().await.expect(403).code(), "forbidden");
    assert_eq!(kit.get("/api/scheduler/notes/private").send().await.expect(401).code(), "not-signed-in");
    let owner = kit.token(&Person::new(Role::Owner));
    assert_eq!(kit.get("/api/scheduler/notes/private").bearer(owner).send().await.expect(403).code(), "forbidden");
}

#[tokio::test]
async fn internal_routes_are_for_services_and_each_for_those_that_it_names() {
    let kit = started().await;
    let ask = || kit.request_to(NAME, Method::GET, "/internal/who");
    let _ = ask().send().await.expect(404);
    let _ = ask().header("x-nexus-caller", "v1.billing-service.99999999999.AAAA").send().await.expect(404);
    let owner = kit.token(&Person::new(Role::Owner));
    let _ = ask().bearer(owner).send().await.expect(404);
    assert_eq!(ask().from_service("ledger-mgr").send().await.expect(403).code(), "caller-not-allowed");
    assert_eq!(ask().from_service("billing-service").send().await.expect(200).text(), "billing-service");
    let _ = kit.request_to(NAME, Method::GET, "/internal/events").send().await.expect(404);
}
