use std::time::Duration;

use http::Method;
use nexus_kernel::Role;
use nexus_testkit::{Backend, Person};
use serde_json::{Map, json};

use crate::on_each_database;
use crate::support::{alone, end, sessions, start};

on_each_database!(
    somebody_elses_session_looks_like_none,
    ids_that_are_none_name_no_session,
    tokens_that_are_not_ours_open_nothing,
    what_services_say_is_read_strictly,
);

async fn somebody_elses_session_looks_like_none(backend: Backend) {
    let kit = alone(backend).await;
    let person = start(&kit, &Person::new(Role::Member)).await;
    let colleague = Person::of(person.tenant, Role::Owner);
    let stranger = Person::new(Role::Owner);
    // The same person's id in another organisation is another person.
    let impostor = Person { tenant: stranger.tenant, ..person.clone() };
    for other in [&colleague, &stranger, &impostor] {
        let theirs = end(&kit, other, person.session).await.expect(404);
        let none = end(&kit, other, "0199b3a2-7c1e-7d40-8a51-3f0e6b9d2c11").await.expect(404);
        assert_eq!(theirs.text(), none.text());
        assert!(sessions(&kit, other).await.is_empty());
        let _ = kit.delete("/api/sessions").bearer(kit.token(other)).send().await.expect(204);
    }
    assert_eq!(sessions(&kit, &person).await.len(), 1);
}

async fn ids_that_are_none_name_no_session(backend: Backend) {
    let kit = alone(backend).await;
    let person = start(&kit, &Person::new(Role::Member)).await;
    for id in ["0", "%00", "..%2F..", "'%20OR%201=1", &"9".repeat(5_000)] {
        assert_eq!(end(&kit, &person, id).await.expect(404).code(), "not-found", "{id}");
    }
    for query in ["limit=-1", "limit=1000", "cursor=*", "cursor=%F0%28"] {
        let refused = kit.get(&format!("/api/sessions?{query}")).bearer(kit.token(&person)).send().await.expect(400);
        assert_eq!(refused.code(), "invalid-page", "{query}");
    }
    assert_eq!(sessions(&kit, &person).await.len(), 1);
}

async fn tokens_that_are_not_ours_open_nothing(backend: Backend) {
    let kit = alone(backend).await;
    let person = start(&kit, &Person::new(Role::Member)).await;
    let good = kit.token(&person);
    let payload = good.split('.').nth(1).unwrap();
    let audience = Map::from_iter([("aud".to_owned(), json!("another-cloud"))]);
    for token in [format!("eyJhbGciOiJub25lIn0.{payload}."), kit.token_with(&person, audience), "x".to_owned()] {
        let refused = kit.delete("/api/sessions").bearer(&token).send().await.expect(401);
        assert_eq!(refused.code(), "invalid-token");
    }
    assert_eq!(kit.delete("/api/sessions").send().await.expect(401).code(), "not-signed-in");
    kit.clock.advance(Duration::from_mins(5));
    assert_eq!(kit.delete("/api/sessions").bearer(&good).send().await.expect(401).code(), "expired-token");
    assert_eq!(sessions(&kit, &person).await.len(), 1);
}

async fn what_services_say_is_read_strictly(backend: Backend) {
    let kit = alone(backend).await;
    let person = Person::new(Role::Member);
    for body in [json!({}), json!([]), json!({"tenant": "x", "user": person.user}), json!("")] {
        let asked = kit.request_to("session-mgr", Method::POST, "/internal/sessions").from_service("auth-service");
        assert!(asked.json(&body).send().await.status.is_client_error(), "{body}");
    }
    let long = json!({
        "tenant": person.tenant, "user": person.user, "authenticated_at": kit.now(),
        "user_agent": "<script>".repeat(1_000), "address": "1".repeat(10_000), "methods": [], "client": null,
    });
    let asked = kit.request_to("session-mgr", Method::POST, "/internal/sessions").from_service("auth-service");
    let _ = asked.json(long).send().await.expect(200);
    let session = &sessions(&kit, &person).await[0];
    assert_eq!(session["device"], "Unknown device");
    assert_eq!(session["address"].as_str().unwrap().len(), 64);
}
