//! People who prove once more who they are.

use std::time::Duration;

use nexus_testkit::{Backend, Person, Reply, Testkit};
use serde_json::json;

use crate::on_each_database;
use crate::support::{alone, ask, claims, issue, issue_to, refresh, revoke};

on_each_database!(a_proof_is_told_by_every_token_that_follows, only_a_live_session_of_ones_own_steps_up);

async fn step_up(kit: &Testkit, service: &str, person: &Person) -> Reply {
    let body = json!({
        "session_id": person.session, "tenant": person.tenant, "user": person.user, "authenticated_at": kit.now(),
        "methods": ["pwd", "otp", "mfa"],
    });
    ask(kit, service, "/internal/step-up", body).await
}

async fn a_proof_is_told_by_every_token_that_follows(backend: Backend) {
    let kit = alone(backend).await;
    let (person, issued) = issue(&kit).await;
    let first = claims(issued.access_token.expose());
    kit.clock.advance(Duration::from_mins(3));
    let stepped_up = step_up(&kit, "auth-service", &person).await.expect(200).value();
    let proved_at = kit.now().as_seconds();
    kit.clock.advance(Duration::from_mins(3));
    let refreshed = refresh(&kit, issued.refresh_token.expose()).await.expect(200).value();
    for reply in [stepped_up, refreshed] {
        let said = claims(reply["access_token"].as_str().unwrap());
        assert_eq!((&said["auth_time"], &said["amr"]), (&json!(proved_at), &json!(["pwd", "otp", "mfa"])));
        assert_eq!(said["sid"], first["sid"]);
    }
}

async fn only_a_live_session_of_ones_own_steps_up(backend: Backend) {
    let kit = alone(backend).await;
    let (person, _) = issue(&kit).await;
    let _ = step_up(&kit, "auth-service-v2", &person).await.expect(403);
    let (of_application, _) = issue_to(&kit, "printer", "api", None).await;
    let stranger = Person { session: person.session, ..Person::of(person.tenant, person.role) };
    let elsewhere = Person { tenant: of_application.tenant, ..person.clone() };
    for other in [&of_application, &stranger, &elsewhere] {
        assert_eq!(step_up(&kit, "auth-service", other).await.expect(409).code(), "session-ended");
    }
    let _ = revoke(&kit, "session-mgr", &person).await.expect(204);
    assert_eq!(step_up(&kit, "auth-service", &person).await.expect(409).code(), "session-ended");
}
