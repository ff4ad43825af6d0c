//! Things of the owner's, made anew for each operation, so that one that succeeds takes nothing from the next.

use http::Method;
use nexus_kernel::Role;
use nexus_testkit::{Reply, Request};
use serde_json::{Value, json};
use uuid::Uuid;

use super::operation::Operation;
use super::system::System;

/// Stands for a thing that there is not.
const NOTHING: &str = "0199b3a2-7c1e-7d40-8a51-3f0e6b9d2c11";

/// The path with something in the place of every placeholder.
pub(super) fn filled(path: &str) -> String {
    let part = |part: &str| match part {
        "{kind}" => "plaintext".to_owned(),
        "{type}" => "encryption-key".to_owned(),
        "{algorithm}" => "sha2-256".to_owned(),
        "{version}" | "{position}" => "1".to_owned(),
        "{user_code}" => "BCDFGHJK".to_owned(),
        other if other.starts_with('{') => NOTHING.to_owned(),
        other => other.to_owned(),
    };
    path.split('/').map(part).collect::<Vec<_>>().join("/")
}

/// The operation's path with things of the owner's in it; as it is where it names none.
pub(super) async fn path_of(system: &System, operation: &Operation) -> String {
    let path = operation.path.as_str();
    let Some((before, _)) = path.split_once('{') else { return path.to_owned() };
    let put = |name: &str, id: String| path.replace(&format!("{{{name}}}"), &id);
    match before {
        "/api/users/" => put("id", person(system).await),
        "/api/users/groups/" => {
            let path = put("id", made(system, "/api/users/groups", json!({"name": name()})).await);
            if path.ends_with("{user}") { path.replace("{user}", &person(system).await) } else { path }
        }
        "/api/users/invitations/" => {
            put("id", made(system, "/api/users/invitations", json!({"email": format!("{}@example.com", name())})).await)
        }
        "/api/sessions/" => put("id", session(system).await),
        "/api/tokens/personal/" => put("id", token(system, "/api/tokens/personal", json!({})).await),
        "/api/tokens/service/" => put("id", token(system, "/api/tokens/service", json!({"roles": ["member"]})).await),
        "/api/auth/v2/applications/" => put("id", application(system, &website()).await),
        "/api/auth/v2/registration-tokens/" => {
            put("id", made(system, "/api/auth/v2/registration-tokens", json!({"name": name(), "days": 1})).await)
        }
        "/api/auth/v2/device/" => put("user_code", user_code(system).await),
        "/api/content/" => put("id", made(system, "/api/content", json!({"title": "Draft"})).await),
        "/api/dsp/upload/files/" | "/api/dsp/upload/uploads/" => put("id", upload(system).await),
        "/api/streamcore/jobs/" => put("id", job(system).await),
        _ if operation.id == "create_key" => put("name", name()),
        _ if before.starts_with("/api/keys/v1/transit/") => put("name", key(system).await),
        _ if before.starts_with("/api/keys/v1/secret/") => put("path", secret(system).await),
        _ => path.to_owned(),
    }
}

/// A name that nothing has.
fn name() -> String {
    format!("x{}", Uuid::now_v7().simple())
}

fn text(value: &Value) -> String {
    value.as_str().unwrap().to_owned()
}

fn post(system: &System, path: &str) -> Request {
    system.kit.post(path).bearer(system.colleague(Role::Owner))
}

/// Something that the owner makes; its id.
async fn made(system: &System, path: &str, body: Value) -> String {
    text(&post(system, path).json(body).send().await.expect(201).value()["id"])
}

async fn person(system: &System) -> String {
    let email = format!("{}@example.com", name());
    let registration = json!({"name": "Somebody", "email": email, "password": "correct horse battery"});
    let _ = system.kit.post("/api/auth/register").json(registration).send().await.expect(202);
    nexus_testkit::eventually("the account to be there", async || {
        let people =
            system.kit.get("/api/users").bearer(system.colleague(Role::Owner)).send().await.expect(200).value();
        people["items"].as_array()?.iter().find(|person| person["email"] == email).map(|person| text(&person["id"]))
    })
    .await
}

async fn session(system: &System) -> String {
    let sessions = system.kit.get("/api/sessions").bearer(system.colleague(Role::Owner)).send().await.expect(200);
    text(&sessions.value()["items"][0]["id"])
}

async fn token(system: &System, path: &str, more: Value) -> String {
    let until = system.kit.now().plus(std::time::Duration::from_hours(24));
    let mut body = json!({"name": "A script", "scopes": ["api"], "expires_at": until});
    body.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    made(system, path, body).await
}

fn website() -> Value {
    json!({
        "name": "Newsroom", "redirect_uris": ["https://newsroom.example/callback"],
        "token_endpoint_auth_method": "client_secret_basic", "scopes": ["openid"], "grant_types": ["authorization_code"],
    })
}

fn television() -> Value {
    json!({
        "name": "Television", "token_endpoint_auth_method": "none", "scopes": ["openid"],
        "grant_types": ["urn:ietf:params:oauth:grant-type:device_code"],
    })
}

async fn application(system: &System, definition: &Value) -> String {
    let made = post(system, "/api/auth/v2/applications").json(definition).send().await.expect(201);
    text(&made.value()["client_id"])
}

async fn user_code(system: &System) -> String {
    let client = application(system, &television()).await;
    let request = system.kit.post("/oauth2/device_authorization").header("content-type", FORM);
    let reply: Reply = request.bytes(format!("client_id={client}&scope=openid")).send().await.expect(200);
    text(&reply.value()["user_code"])
}

const FORM: &str = "application/x-www-form-urlencoded";

async fn upload(system: &System) -> String {
    let upload = post(system, "/api/dsp/upload/files").header("tus-resumable", "1.0.0").header("upload-length", "6");
    upload.send().await.expect(201).header("location").rsplit('/').next().unwrap().to_owned()
}

async fn job(system: &System) -> String {
    let order = json!({"tenant": system.owner["tenant_id"], "content_id": Uuid::now_v7(), "source_key": "nothing"});
    let asked = system.kit.request_to("streamcore", Method::POST, "/internal/jobs");
    text(&asked.from_service("streaming-service-v2").json(order).send().await.expect(200).value()["job_id"])
}

/// A key for admins, that may be exported and deleted.
async fn key(system: &System) -> String {
    let name = name();
    let path = format!("/api/keys/v1/transit/keys/{name}");
    let _ = post(system, &path).json(json!({"usable_by": "admin", "exportable": true})).send().await.expect(200);
    name
}

async fn secret(system: &System) -> String {
    let path = format!("shared/{}", name());
    let value = post(system, &format!("/api/keys/v1/secret/data/{path}")).json(json!({"data": {"password": "x"}}));
    let _ = value.send().await.expect(200);
    path
}
