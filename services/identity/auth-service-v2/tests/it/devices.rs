//! Devices without a browser.

use std::time::Duration;

use nexus_kernel::Role;
use nexus_testkit::{Backend, Person, Reply, Testkit};
use serde_json::{Value, json};

use crate::on_each_database;
use crate::support::{App, alone, error, make, of, post, ready};

on_each_database!(
    a_device_gets_its_tokens_once_the_person_said_yes,
    a_device_that_is_refused_or_late_is_told,
    a_device_that_asks_too_often_waits_longer,
    codes_of_other_organisations_are_unknown_and_guessing_is_slow,
);

const DEVICE_CODE: &str = "urn:ietf:params:oauth:grant-type:device_code";

async fn player(kit: &Testkit, admin: &str) -> App {
    let changes = json!({
        "name": "Player", "token_endpoint_auth_method": "none", "redirect_uris": [],
        "grant_types": [DEVICE_CODE, "refresh_token"],
    });
    make(kit, admin, changes).await
}

async fn begin(kit: &Testkit, app: &App) -> Value {
    let pairs = [("client_id", app.id.as_str()), ("scope", "openid email")];
    post(kit, "/oauth2/device_authorization", None, &pairs).await.expect(200).value()
}

/// Asks for the tokens, after the wait that a device has to keep.
async fn poll(kit: &Testkit, app: &App, begun: &Value) -> Reply {
    kit.clock.advance(Duration::from_secs(5));
    ask(kit, app, begun).await
}

async fn ask(kit: &Testkit, app: &App, begun: &Value) -> Reply {
    let code = begun["device_code"].as_str().unwrap();
    let pairs = [("grant_type", DEVICE_CODE), ("device_code", code), ("client_id", app.id.as_str())];
    post(kit, "/oauth2/token", None, &pairs).await
}

fn path(begun: &Value, verb: &str) -> String {
    format!("/api/auth/v2/device/{}{verb}", begun["user_code"].as_str().unwrap())
}

async fn a_device_gets_its_tokens_once_the_person_said_yes(backend: Backend) {
    let (kit, owner) = ready(backend).await;
    let (app, other) = (player(&kit, &owner).await, player(&kit, &owner).await);
    let begun = begin(&kit, &app).await;
    assert_eq!(begun["verification_uri"], "http://nexus.test/device");
    assert_eq!(error(&poll(&kit, &app, &begun).await.expect(400)), "authorization_pending");
    assert_eq!(error(&poll(&kit, &other, &begun).await.expect(400)), "invalid_grant");
    let seen = kit.get(&path(&begun, "").to_lowercase()).bearer(&owner).send().await.expect(200).value();
    assert_eq!((&seen["application"], &seen["scopes"]), (&json!("Player"), &json!(["email", "openid"])));
    let _ = kit.post(&path(&begun, "/approve")).bearer(&owner).send().await.expect(204);
    let _ = kit.post(&path(&begun, "/approve")).bearer(&owner).send().await.expect(404);
    let got = poll(&kit, &app, &begun).await.expect(200).value();
    assert!(got["refresh_token"].is_string() && got["id_token"].is_string(), "{got}");
    assert_eq!(error(&poll(&kit, &app, &begun).await.expect(400)), "invalid_grant");
}

async fn a_device_that_is_refused_or_late_is_told(backend: Backend) {
    let kit = alone(backend).await;
    let owner = Person::new(Role::Owner);
    let app = player(&kit, &of(&kit, &owner)).await;
    let begun = begin(&kit, &app).await;
    let _ = kit.post(&path(&begun, "/deny")).bearer(of(&kit, &owner)).send().await.expect(204);
    assert_eq!(error(&poll(&kit, &app, &begun).await.expect(400)), "access_denied");
    let begun = begin(&kit, &app).await;
    kit.clock.advance(Duration::from_mins(10));
    assert_eq!(error(&ask(&kit, &app, &begun).await.expect(400)), "expired_token");
    let _ = kit.post(&path(&begun, "/approve")).bearer(of(&kit, &owner)).send().await.expect(404);
    let web = make(&kit, &of(&kit, &owner), json!({"token_endpoint_auth_method": "none"})).await;
    let refused = post(&kit, "/oauth2/device_authorization", None, &[("client_id", &web.id)]).await.expect(400);
    assert_eq!(error(&refused), "unauthorized_client");
}

async fn a_device_that_asks_too_often_waits_longer(backend: Backend) {
    let kit = alone(backend).await;
    let app = player(&kit, &of(&kit, &Person::new(Role::Owner))).await;
    let begun = begin(&kit, &app).await;
    assert_eq!(error(&ask(&kit, &app, &begun).await.expect(400)), "authorization_pending");
    assert_eq!(error(&ask(&kit, &app, &begun).await.expect(400)), "slow_down");
    assert_eq!(error(&poll(&kit, &app, &begun).await.expect(400)), "slow_down", "five seconds are not enough any more");
    kit.clock.advance(Duration::from_secs(10));
    assert_eq!(error(&poll(&kit, &app, &begun).await.expect(400)), "authorization_pending");
}

async fn codes_of_other_organisations_are_unknown_and_guessing_is_slow(backend: Backend) {
    let kit = alone(backend).await;
    let app = player(&kit, &of(&kit, &Person::new(Role::Owner))).await;
    let begun = begin(&kit, &app).await;
    let stranger = of(&kit, &Person::new(Role::Owner));
    for _ in 0..10 {
        let _ = kit.post(&path(&begun, "/approve")).bearer(&stranger).send().await.expect(404);
    }
    let slowed = kit.get("/api/auth/v2/device/BCDF-GHJK").bearer(&stranger).send().await.expect(429);
    assert_eq!(slowed.code(), "too-many-codes");
    let _ = kit.post(&path(&begun, "/approve")).send().await.expect(401);
    assert_eq!(error(&poll(&kit, &app, &begun).await.expect(400)), "authorization_pending");
}
