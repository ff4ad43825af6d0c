//! The real identity services behind the gateway.

use http::Method;
use nexus_testkit::{Backend, Testkit, eventually};
use serde_json::{Value, json};

use crate::on_each_backend;
use crate::support::gateway;

const PASSWORD: &str = "correct horse battery";
const EMAIL: &str = "owner@example.com";

async fn set_up(backend: Backend) -> Testkit {
    let services =
        vec![gateway(), user_auth::service(), auth_service::service(), session_mgr::service(), token_mgr::service()];
    let kit = Testkit::start(backend, services).await;
    let link =
        kit.request_to("user-auth", Method::GET, "/internal/setup-link").from_service("backend-api").send().await;
    let token = link.expect(200).value()["token"].clone();
    let body = json!({"token": token, "organisation": "Engines", "name": "Ada", "email": EMAIL, "password": PASSWORD});
    let _ = kit.post("/api/users/setup").json(body).send().await.expect(201);
    kit
}

async fn sign_in(kit: &Testkit) -> Value {
    let body = json!({"email": EMAIL, "password": PASSWORD, "refresh_token": "body"});
    kit.post("/api/auth/login").from_address([203, 0, 113, 9]).json(body).send().await.expect(200).value()
}

async fn a_person_signs_in_and_out_and_the_token_ends_with_the_session(backend: Backend) {
    let kit = set_up(backend).await;
    let tokens = sign_in(&kit).await;
    let token = tokens["access_token"].as_str().unwrap();
    let sessions = kit.get("/api/sessions").bearer(token).send().await.expect(200).value();
    assert_eq!(sessions["items"][0]["address"], "203.0.113.9", "{sessions}");
    let _ = kit.post("/api/auth/logout").bearer(token).send().await.expect(204);
    eventually("the token to be refused", async || {
        let reply = kit.get("/api/users/me").bearer(token).send().await;
        (reply.code() == "session-revoked").then_some(())
    })
    .await;
    let refresh = kit.post("/api/tokens/refresh").json(json!({"refresh_token": tokens["refresh_token"]})).send().await;
    assert!([400, 401].contains(&refresh.status.as_u16()), "{}", refresh.text());
}

on_each_backend!(a_person_signs_in_and_out_and_the_token_ends_with_the_session);
