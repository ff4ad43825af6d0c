use std::time::Duration;

use nexus_kernel::Role;
use nexus_testkit::{Backend, Person, Reply, Testkit};
use serde_json::{Value, json};

use crate::on_each_database;
use crate::support::{PASSWORD, mailed_invitation, member, outcome, profile_of, ready, register, set_roles};

const GRACE: &str = "grace@example.com";

on_each_database!(
    who_accepts_an_invitation_is_in_with_what_it_says,
    an_invitation_is_good_once_and_for_a_week,
    an_address_is_invited_once,
    a_new_link_replaces_the_old_one_and_a_revoked_one_is_dead,
    admins_invite_and_only_owners_invite_owners,
    an_invitation_takes_over_an_account_that_was_never_verified,
    what_is_no_invitation_opens_nothing,
    an_organisation_has_a_name_and_a_short_name,
);

async fn invite(kit: &Testkit, asker: &Person, body: Value) -> Reply {
    kit.clock.advance(Duration::from_millis(5));
    kit.post("/api/users/invitations").bearer(kit.token(asker)).json(body).send().await
}

async fn accept(kit: &Testkit, token: &str, password: &str) -> Reply {
    let body = json!({"token": token, "name": "Grace Hopper", "password": password});
    kit.post("/api/auth/register/invitation").json(body).send().await
}

async fn open(kit: &Testkit, token: &str) -> Reply {
    kit.post("/api/auth/register/invitation/open").json(json!({"token": token})).send().await
}

async fn pending(kit: &Testkit, owner: &Person) -> usize {
    let list = kit.get("/api/users/invitations").bearer(kit.token(owner)).send().await.expect(200).value();
    list["items"].as_array().unwrap().len()
}

async fn who_accepts_an_invitation_is_in_with_what_it_says(backend: Backend) {
    let (kit, owner) = ready(backend).await;
    let group =
        kit.post("/api/users/groups").bearer(kit.token(&owner)).json(json!({"name": "Sound", "roles": ["admin"]}));
    let group = group.send().await.expect(201).value()["id"].clone();
    let body = json!({"email": " Grace@Example.com", "roles": ["editor"], "groups": [group]});
    let invitation = invite(&kit, &owner, body).await.expect(201).value();
    assert_eq!((&invitation["email"], &invitation["groups"]), (&json!(GRACE), &json!([group])));
    assert!(!invitation.to_string().contains("token"));

    let token = mailed_invitation(&kit, &owner, GRACE).await;
    let opened = open(&kit, &token).await.expect(200);
    assert_eq!((&opened.value()["organisation"], &opened.value()["email"]), (&json!("Engines"), &json!(GRACE)));
    assert_eq!(opened.header("cache-control"), "no-store");
    let profile = accept(&kit, &token, PASSWORD).await.expect(200).value();
    assert_eq!((&profile["name"], &profile["email_verified"]), (&json!("Grace Hopper"), &json!(true)));
    assert_eq!(profile["effective_roles"], json!(["admin", "editor", "member"]));
    assert_eq!(outcome(&kit, GRACE, PASSWORD).await, "valid");
    assert_eq!(pending(&kit, &owner).await, 0);
    let members = kit.get(&format!("/api/users/groups/{}/members", group.as_str().unwrap()));
    let members = members.bearer(kit.token(&owner)).send().await.expect(200).value();
    assert_eq!(members["items"][0]["email"], GRACE);
}

async fn an_invitation_is_good_once_and_for_a_week(backend: Backend) {
    let (kit, owner) = ready(backend).await;
    let _ = invite(&kit, &owner, json!({"email": GRACE})).await.expect(201);
    let token = mailed_invitation(&kit, &owner, GRACE).await;
    assert_eq!(accept(&kit, &token, GRACE).await.expect(422).code(), "validation-failed");
    let _ = accept(&kit, &token, PASSWORD).await.expect(200);
    assert_eq!(accept(&kit, &token, PASSWORD).await.expect(403).code(), "invitation-invalid");
    let _ = invite(&kit, &owner, json!({"email": "linus@example.com"})).await.expect(201);
    let token = mailed_invitation(&kit, &owner, "linus@example.com").await;
    kit.clock.advance(Duration::from_hours(7 * 24));
    assert_eq!(accept(&kit, &token, PASSWORD).await.expect(403).code(), "invitation-invalid");
    assert_eq!(open(&kit, &token).await.expect(403).code(), "invitation-invalid");
}

async fn an_address_is_invited_once(backend: Backend) {
    let (kit, owner) = ready(backend).await;
    let _ = member(&kit, &owner, GRACE).await;
    assert_eq!(invite(&kit, &owner, json!({"email": GRACE})).await.expect(409).code(), "already-member");
    let _ = invite(&kit, &owner, json!({"email": "linus@example.com"})).await.expect(201);
    let again = invite(&kit, &owner, json!({"email": "LINUS@example.com"})).await.expect(409);
    assert_eq!(again.code(), "already-invited");
    assert_eq!(pending(&kit, &owner).await, 1);
}

async fn a_new_link_replaces_the_old_one_and_a_revoked_one_is_dead(backend: Backend) {
    let (kit, owner) = ready(backend).await;
    let id = invite(&kit, &owner, json!({"email": GRACE})).await.expect(201).value()["id"].clone();
    let path = format!("/api/users/invitations/{}", id.as_str().unwrap());
    let first = mailed_invitation(&kit, &owner, GRACE).await;
    kit.clock.advance(Duration::from_secs(61));
    let _ = kit.post(&format!("{path}/resend")).bearer(kit.token(&owner)).send().await.expect(200);
    let second = mailed_invitation(&kit, &owner, GRACE).await;
    assert_ne!(first, second);
    let _ = open(&kit, &first).await.expect(403);
    let _ = open(&kit, &second).await.expect(200);
    let _ = kit.delete(&path).bearer(kit.token(&owner)).send().await.expect(204);
    let _ = kit.delete(&path).bearer(kit.token(&owner)).send().await.expect(404);
    assert_eq!(accept(&kit, &second, PASSWORD).await.expect(403).code(), "invitation-invalid");
    assert_eq!(outcome(&kit, GRACE, PASSWORD).await, "invalid");
}

async fn admins_invite_and_only_owners_invite_owners(backend: Backend) {
    let (kit, owner) = ready(backend).await;
    let grace = member(&kit, &owner, GRACE).await;
    let body = json!({"email": "linus@example.com", "roles": ["owner"]});
    assert_eq!(invite(&kit, &grace, body.clone()).await.expect(403).code(), "forbidden");
    let _ = kit.get("/api/users/invitations").bearer(kit.token(&grace)).send().await.expect(403);
    let _ = set_roles(&kit, &owner, &grace, 2, json!(["admin"])).await.expect(200);
    let grace = Person { role: Role::Admin, ..grace };
    assert_eq!(invite(&kit, &grace, body.clone()).await.expect(403).code(), "owner-only");
    let id = invite(&kit, &owner, body).await.expect(201).value()["id"].clone();
    let resend = format!("/api/users/invitations/{}/resend", id.as_str().unwrap());
    assert_eq!(kit.post(&resend).bearer(kit.token(&grace)).send().await.expect(403).code(), "owner-only");
    let token = mailed_invitation(&kit, &owner, "linus@example.com").await;
    let linus = accept(&kit, &token, PASSWORD).await.expect(200).value();
    assert_eq!(linus["roles"], json!(["owner", "member"]));
    // There are two owners now, so that one may go.
    let _ = set_roles(&kit, &owner, &owner, 1, json!(["member"])).await.expect(200);
}

async fn an_invitation_takes_over_an_account_that_was_never_verified(backend: Backend) {
    let (kit, owner) = ready(backend).await;
    // Whoever registers a stranger's address first must not get in by the stranger's invitation.
    let _ = register(&kit, GRACE, "the password of another").await.expect(202);
    let _ = invite(&kit, &owner, json!({"email": GRACE, "roles": ["admin"]})).await.expect(201);
    let _ = accept(&kit, &mailed_invitation(&kit, &owner, GRACE).await, PASSWORD).await.expect(200);
    assert_eq!(outcome(&kit, GRACE, "the password of another").await, "invalid");
    assert_eq!(outcome(&kit, GRACE, PASSWORD).await, "valid");
    assert_eq!(profile_of(&kit, &owner, GRACE).await["roles"], json!(["admin", "member"]));
}

async fn what_is_no_invitation_opens_nothing(backend: Backend) {
    let (kit, owner) = ready(backend).await;
    for token in ["", "x", &"A".repeat(43), &"A".repeat(100_000), "%' OR '1'='1"] {
        assert_eq!(accept(&kit, token, PASSWORD).await.expect(403).code(), "invitation-invalid");
        assert_eq!(open(&kit, token).await.expect(403).code(), "invitation-invalid");
    }
    let unknown = json!({"email": GRACE, "groups": ["0199b3a2-7c1e-7d40-8a51-3f0e6b9d2c11"]});
    assert_eq!(invite(&kit, &owner, unknown).await.expect(404).code(), "not-found");
    for body in
        [json!({}), json!({"email": "x"}), json!({"email": GRACE, "roles": []}), json!({"email": GRACE, "id": 1})]
    {
        assert_eq!(invite(&kit, &owner, body.clone()).await.expect(422).code(), "validation-failed", "{body}");
    }
    let stranger = Person::new(Role::Owner);
    assert_eq!(invite(&kit, &stranger, json!({"email": GRACE})).await.expect(403).code(), "forbidden");
}

async fn an_organisation_has_a_name_and_a_short_name(backend: Backend) {
    let (kit, owner) = ready(backend).await;
    let grace = member(&kit, &owner, GRACE).await;
    let change = |who: &Person, version: &str, body: Value| {
        let request = kit.patch("/api/users/organisation").bearer(kit.token(who));
        request.header("if-match", format!("\"{version}\"")).json(body).send()
    };
    let _ = change(&grace, "1", json!({"name": "Mine"})).await.expect(403);
    let changed = change(&owner, "1", json!({"slug": "engines"})).await.expect(200);
    assert_eq!((&changed.value()["name"], &changed.value()["slug"]), (&json!("Engines"), &json!("engines")));
    let _ = change(&owner, "1", json!({"name": "x"})).await.expect(412);
    let _ = change(&owner, "2", json!({"slug": "No Good"})).await.expect(422);
    let _ = change(&owner, "2", json!({"name": "Analytical Engines"})).await.expect(200);
    let seen = kit.get("/api/users/organisation").bearer(kit.token(&grace)).send().await.expect(200).value();
    assert_eq!((&seen["name"], &seen["version"]), (&json!("Analytical Engines"), &json!(3)));
    let me = kit.get("/api/users/me").bearer(kit.token(&grace)).send().await.expect(200).value();
    assert_eq!(me["organisation"], "Analytical Engines");
    let _ = kit.get("/api/users/organisation").bearer(kit.token(&Person::new(Role::Owner))).send().await.expect(404);
}
