//! What the tests have in common: a cloud that is set up, and people in it.

use std::time::Duration;

use http::Method;
use nexus_kernel::config::Config;
use nexus_kernel::{Role, TenantId, UserId};
use nexus_testkit::{Backend, Person, Reply, Testkit, eventually};
use serde_json::{Value, json};

pub(crate) const PASSWORD: &str = "correct horse battery";
pub(crate) const OWNER: &str = "owner@example.com";

/// user-auth alone, before set-up.
pub(crate) async fn bare(backend: Backend) -> Testkit {
    Testkit::start(backend, vec![user_auth::service()]).await
}

/// user-auth alone, set up.
pub(crate) async fn ready(backend: Backend) -> (Testkit, Person) {
    ready_with(backend, |_| {}).await
}

/// user-auth alone, set up, with a configuration of the test's own.
pub(crate) async fn ready_with(backend: Backend, adjust: impl FnOnce(&mut Config)) -> (Testkit, Person) {
    let kit = Testkit::start_with(backend, vec![user_auth::service()], adjust).await;
    let owner = set_up(&kit).await;
    (kit, owner)
}

/// What the program would print.
pub(crate) async fn setup_link(kit: &Testkit) -> Value {
    kit.request_to("user-auth", Method::GET, "/internal/setup-link")
        .from_service("backend-api")
        .send()
        .await
        .expect(200)
        .value()
}

/// Makes the owner.
pub(crate) async fn set_up(kit: &Testkit) -> Person {
    let link = setup_link(kit).await;
    let body =
        json!({"token": link["token"], "organisation": "Engines", "name": "Ada", "email": OWNER, "password": PASSWORD});
    person(&kit.post("/api/users/setup").json(body).send().await.expect(201).value())
}

/// The person whose profile this is, signed in.
pub(crate) fn person(profile: &Value) -> Person {
    let id = |field: &str| profile[field].as_str().unwrap().parse().unwrap();
    let role: Role = profile["roles"][0].as_str().unwrap().parse().unwrap();
    Person { user: UserId(id("id")), ..Person::of(TenantId(id("tenant_id")), role) }
}

/// Registers; the answer says nothing. Time goes on, so that mails and people have an order.
pub(crate) async fn register(kit: &Testkit, email: &str, password: &str) -> Reply {
    kit.clock.advance(Duration::from_millis(5));
    kit.post("/api/auth/register").json(json!({"name": "Grace", "email": email, "password": password})).send().await
}

/// The development mailbox as the owner sees it, newest first.
pub(crate) async fn mailbox(kit: &Testkit, owner: &Person) -> Vec<Value> {
    let reply = kit.get("/api/users/mailbox").bearer(kit.token(owner)).send().await.expect(200).value();
    reply["items"].as_array().unwrap().clone()
}

/// The mails to an address, newest first.
pub(crate) async fn mails_to(kit: &Testkit, owner: &Person, email: &str) -> Vec<Value> {
    mailbox(kit, owner).await.into_iter().filter(|mail| mail["to"] == email).collect()
}

/// The token in the newest mail to an address.
pub(crate) async fn mailed_token(kit: &Testkit, owner: &Person, email: &str) -> String {
    token_of(&mails_to(kit, owner, email).await[0])
}

/// The token in a mail.
pub(crate) fn token_of(mail: &Value) -> String {
    let text = mail["text"].as_str().unwrap();
    let (_, after) = text.split_once("http://nexus.test/verify?token=").unwrap();
    after.split_whitespace().next().unwrap().to_owned()
}

/// Presents a verification token.
pub(crate) async fn verify(kit: &Testkit, token: &str) -> Reply {
    kit.post("/api/auth/verify").json(json!({"token": token})).send().await
}

/// Registers and verifies somebody, and finds the account in the list of people.
pub(crate) async fn member(kit: &Testkit, owner: &Person, email: &str) -> Person {
    let _ = register(kit, email, PASSWORD).await.expect(202);
    let _ = verify(kit, &mailed_token(kit, owner, email).await).await.expect(204);
    person(&profile_of(kit, owner, email).await)
}

/// The profile with this address, from the list of people.
pub(crate) async fn profile_of(kit: &Testkit, owner: &Person, email: &str) -> Value {
    let people = kit.get("/api/users").bearer(kit.token(owner)).send().await.expect(200).value();
    let found = people["items"].as_array().unwrap().iter().find(|profile| profile["email"] == email);
    found.unwrap_or_else(|| panic!("{email} is not in {people}")).clone()
}

/// How the service judges a password, as auth-service hears it.
pub(crate) async fn outcome(kit: &Testkit, email: &str, password: &str) -> String {
    let reply = kit
        .request_to("user-auth", Method::POST, "/internal/credentials/verify")
        .from_service("auth-service")
        .json(json!({"email": email, "password": password}))
        .send()
        .await
        .expect(200)
        .value();
    reply["outcome"].as_str().unwrap().to_owned()
}

/// Sets somebody's roles.
pub(crate) async fn set_roles(kit: &Testkit, asker: &Person, of: &Person, version: i64, roles: Value) -> Reply {
    kit.put(&format!("/api/users/{}/roles", of.user))
        .bearer(kit.token(asker))
        .header("if-match", format!("\"{version}\""))
        .json(json!({"roles": roles}))
        .send()
        .await
}

/// Waits until there is one more mail to an address than before.
pub(crate) async fn next_mail(kit: &Testkit, owner: &Person, email: &str, before: usize) -> Value {
    eventually("one more mail", async || {
        let mails = mails_to(kit, owner, email).await;
        (mails.len() > before).then(|| mails[0].clone())
    })
    .await
}

/// The token in the newest invitation to an address.
pub(crate) async fn mailed_invitation(kit: &Testkit, owner: &Person, email: &str) -> String {
    let mails = mails_to(kit, owner, email).await;
    let text = mails[0]["text"].as_str().unwrap();
    let (_, after) = text.split_once("http://nexus.test/invitation?token=").unwrap();
    after.split_whitespace().next().unwrap().to_owned()
}
