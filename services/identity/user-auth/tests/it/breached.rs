//! Passwords that were seen in breaches.

use std::path::PathBuf;

use nexus_testkit::{Backend, Testkit};
use serde_json::json;
use tempfile::TempDir;

use crate::on_each_database;
use crate::support::{OWNER, PASSWORD, ready_with, register};

const BREACHED: &str = "letmein-letmein";
/// The SHA-1 of [`BREACHED`].
const SHA1: &str = "6c0e4546ab08f32d036791a3f5ea17f59a0ed947";

on_each_database!(
    a_breached_password_is_refused_wherever_one_is_chosen,
    without_its_list_no_password_is_set_and_readiness_says_why,
);

/// A file that knows one password.
fn list(folder: &TempDir) -> PathBuf {
    let (list, file) = (folder.path().join("list.txt"), folder.path().join("breached"));
    std::fs::write(&list, format!("{}:4711\n", SHA1.to_uppercase())).unwrap();
    user_auth::build_breached_passwords(&list, &file, 1).unwrap();
    file
}

async fn a_breached_password_is_refused_wherever_one_is_chosen(backend: Backend) {
    let folder = tempfile::tempdir().unwrap();
    let (kit, owner) = ready_with(backend, |config| config.identity.breached_passwords = list(&folder)).await;
    // The same for an address that has an account and one that has none.
    for email in ["grace@example.com", OWNER] {
        let refused = register(&kit, email, BREACHED).await.expect(422);
        assert_eq!(refused.code(), "breached-password");
        assert!(!refused.text().contains(BREACHED));
    }
    let _ = register(&kit, "grace@example.com", "letmein-letmein-please").await.expect(202);
    let change = |new: &str| {
        let body = json!({"current_password": PASSWORD, "new_password": new});
        kit.post("/api/users/me/password").bearer(kit.token(&owner)).json(body).send()
    };
    assert_eq!(change(BREACHED).await.expect(422).code(), "breached-password");
    let _ = change("a better password").await.expect(204);
}

async fn without_its_list_no_password_is_set_and_readiness_says_why(backend: Backend) {
    let folder = tempfile::tempdir().unwrap();
    let absent = folder.path().join("absent");
    let services = vec![user_auth::service()];
    let kit = Testkit::start_with(backend, services, |config| config.identity.breached_passwords = absent).await;
    let link = crate::support::setup_link(&kit).await;
    let body =
        json!({"token": link["token"], "organisation": "Engines", "name": "Ada", "email": OWNER, "password": PASSWORD});
    assert_eq!(kit.post("/api/users/setup").json(body).send().await.expect(503).code(), "unavailable");
    let ready = kit.request_to("user-auth", http::Method::GET, "/health/ready").send().await.expect(503);
    assert!(ready.text().contains("identity.breached_passwords"), "{}", ready.text());
}
