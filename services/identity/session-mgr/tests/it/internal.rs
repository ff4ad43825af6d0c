use std::time::Duration;

use http::Method;
use nexus_kernel::{Role, Timestamp};
use nexus_testkit::{Backend, Person, Reply, Testkit};
use serde_json::json;

use crate::on_each_database;
use crate::support::{alone, end, revoke_user, sessions, start, try_start};

on_each_database!(
    only_the_services_that_may_start_and_end_sessions,
    a_sign_in_that_saw_an_older_account_is_refused,
    the_moment_that_counts_never_moves_back,
    a_service_ends_a_session_once_and_for_all,
    a_start_and_an_end_of_everything_at_once_leave_no_old_session,
);

async fn only_the_services_that_may_start_and_end_sessions(backend: Backend) {
    let kit = alone(backend).await;
    let person = start(&kit, &Person::new(Role::Owner)).await;
    for service in ["backend-api", "user-auth", "token-mgr"] {
        let asked = kit.request_to("session-mgr", Method::POST, "/internal/sessions").from_service(service);
        let body = json!({
            "tenant": person.tenant, "user": person.user, "authenticated_at": kit.now(), "user_agent": "", "address": "",
            "methods": [], "client": null,
        });
        assert_eq!(asked.json(body).send().await.expect(403).code(), "caller-not-allowed");
        assert_eq!(revoke(&kit, service, &person).await.expect(403).code(), "caller-not-allowed");
    }
    let _ = revoke_user(&kit, "auth-service", &person, kit.now()).await.expect(403);
    let outside = kit.request_to("session-mgr", Method::POST, &format!("/internal/users/{}/revoke", person.user));
    let _ = outside.bearer(kit.token(&person)).json(json!({})).send().await.expect(404);
    assert_eq!(sessions(&kit, &person).await.len(), 1);
}

/// Says as a service that a session has to end.
async fn revoke(kit: &Testkit, service: &str, person: &Person) -> Reply {
    kit.request_to("session-mgr", Method::POST, &format!("/internal/sessions/{}/revoke", person.session))
        .from_service(service)
        .json(json!({"tenant": person.tenant, "reason": "signed-out"}))
        .send()
        .await
}

async fn a_sign_in_that_saw_an_older_account_is_refused(backend: Backend) {
    let kit = alone(backend).await;
    let person = start(&kit, &Person::new(Role::Member)).await;
    let looked_at = kit.now();
    kit.clock.advance(Duration::from_millis(5));
    let _ = revoke_user(&kit, "user-auth", &person, kit.now()).await.expect(204);
    assert!(sessions(&kit, &person).await.is_empty());
    assert_eq!(try_start(&kit, &person, looked_at).await.expect(409).code(), "sign-in-again");
    let _ = try_start(&kit, &person, kit.now()).await.expect(200);
    let _ = try_start(&kit, &Person::of(person.tenant, Role::Member), looked_at).await.expect(200);
}

async fn the_moment_that_counts_never_moves_back(backend: Backend) {
    let kit = alone(backend).await;
    let person = Person::new(Role::Member);
    let _ = revoke_user(&kit, "user-auth", &person, kit.now()).await.expect(204);
    // A late repeat of an older order.
    let _ = revoke_user(&kit, "user-auth", &person, Timestamp::from_micros(0)).await.expect(204);
    let before = kit.now().minus(Duration::from_secs(1));
    assert_eq!(try_start(&kit, &person, before).await.expect(409).code(), "sign-in-again");
}

async fn a_service_ends_a_session_once_and_for_all(backend: Backend) {
    let kit = alone(backend).await;
    let person = start(&kit, &Person::new(Role::Member)).await;
    for _ in 0..2 {
        let _ = revoke(&kit, "auth-service", &person).await.expect(204);
    }
    assert!(sessions(&kit, &person).await.is_empty());
    let _ = end(&kit, &person, person.session).await.expect(404);
    // One that never was has ended as well.
    let _ = revoke(&kit, "auth-service", &Person::new(Role::Member)).await.expect(204);
}

async fn a_start_and_an_end_of_everything_at_once_leave_no_old_session(backend: Backend) {
    let kit = alone(backend).await;
    for _ in 0..10 {
        let person = Person::new(Role::Member);
        let looked_at = kit.now();
        kit.clock.advance(Duration::from_millis(5));
        let floor = kit.now();
        let (started, ended) =
            tokio::join!(try_start(&kit, &person, looked_at), revoke_user(&kit, "user-auth", &person, floor));
        let _ = ended.expect(204);
        assert!([200, 409].contains(&started.status.as_u16()), "{}", started.text());
        assert!(sessions(&kit, &person).await.is_empty(), "whichever was first, what saw the old account has ended");
    }
}
