use nexus_contracts::session_mgr::SESSION_LIFETIME;
use nexus_kernel::Role;
use nexus_testkit::{Backend, Person};

use crate::on_each_database;
use crate::support::{alone, issue, refresh, revoke, try_issue};

on_each_database!(
    a_revoked_family_gives_no_token,
    what_was_revoked_before_it_began_never_begins,
    only_session_mgr_revokes,
    another_organisation_revokes_nothing,
);

async fn a_revoked_family_gives_no_token(backend: Backend) {
    let kit = alone(backend).await;
    let (person, issued) = issue(&kit).await;
    for _ in 0..2 {
        let _ = revoke(&kit, "session-mgr", &person).await.expect(204);
    }
    assert_eq!(refresh(&kit, issued.refresh_token.expose()).await.expect(401).code(), "invalid-refresh-token");
}

async fn what_was_revoked_before_it_began_never_begins(backend: Backend) {
    let kit = alone(backend).await;
    let person = Person::new(Role::Member);
    let _ = revoke(&kit, "session-mgr", &person).await.expect(204);
    let refused = try_issue(&kit, "auth-service", &person, SESSION_LIFETIME).await.expect(409);
    assert_eq!(refused.code(), "family-exists");
}

async fn only_session_mgr_revokes(backend: Backend) {
    let kit = alone(backend).await;
    let (person, issued) = issue(&kit).await;
    for service in ["auth-service", "user-auth", "backend-api"] {
        let _ = revoke(&kit, service, &person).await.expect(403);
    }
    let _ = refresh(&kit, issued.refresh_token.expose()).await.expect(200);
}

async fn another_organisation_revokes_nothing(backend: Backend) {
    let kit = alone(backend).await;
    let (person, issued) = issue(&kit).await;
    let stranger = Person { session: person.session, ..Person::new(Role::Owner) };
    let _ = revoke(&kit, "session-mgr", &stranger).await.expect(204);
    let _ = refresh(&kit, issued.refresh_token.expose()).await.expect(200);
}
