use http::Method;
use nexus_kernel::Role;
use nexus_testkit::{Backend, Person, Reply, Testkit};
use serde_json::{Value, json};

use super::{GRACE, USER, at, get, grace, made, patch, request, send};
use crate::on_each_database;
use crate::support::{PASSWORD, mails_to, member, outcome, ready, register, set_roles};

on_each_database!(
    owners_are_not_run_by_admins,
    directories_need_an_admins_token,
    a_tokens_scope_is_enough_or_not,
    another_organisation_is_out_of_reach,
    refusals_are_in_the_protocols_words,
    names_and_addresses_are_unique,
    nobody_takes_over_a_provisioned_account_by_registering,
    deactivating_ends_sessions_and_the_last_owner_stays,
);

async fn owners_are_not_run_by_admins(backend: Backend) {
    let (kit, owner) = ready(backend).await;
    let grace = member(&kit, &owner, GRACE).await;
    let _ = set_roles(&kit, &owner, &grace, 2, json!(["admin"])).await.expect(200);
    let grace = Person { role: Role::Admin, ..grace };
    let path = format!("/Users/{}", owner.user);
    for operation in [
        json!({"op": "replace", "path": "active", "value": false}),
        json!({"op": "replace", "path": "emails", "value": [{"value": "eve@example.com"}]}),
        json!({"op": "replace", "path": "displayName", "value": "Eve"}),
    ] {
        let _ = patch(&kit, &grace, &path, json!([operation])).await.expect(403);
    }
    let _ = send(&kit, &grace, Method::DELETE, &path, Value::Null).await.expect(403);
    // Not even an owner moves an owner's account to an address that nobody has shown to be theirs.
    let moved = json!([{"op": "replace", "path": "emails", "value": [{"value": "eve@example.com"}]}]);
    let _ = patch(&kit, &owner, &path, moved).await.expect(409);
    // Roles are not a directory's to give.
    let own = format!("/Users/{}", grace.user);
    let role = json!([{"op": "add", "path": "roles", "value": [{"value": "owner"}]}]);
    assert_eq!(patch(&kit, &grace, &own, role).await.expect(400).value()["scimType"], "mutability");
}

async fn directories_need_an_admins_token(backend: Backend) {
    let (kit, owner) = ready(backend).await;
    let grace = member(&kit, &owner, GRACE).await;
    for path in ["/Users", "/Groups", "/Schemas", "/ServiceProviderConfig", &format!("/Users/{}", grace.user)] {
        let _ = get(&kit, &grace, path).await.expect(403);
    }
    let _ = send(&kit, &grace, Method::POST, "/Users", super::grace()).await.expect(403);
    let _ = send(
        &kit,
        &grace,
        Method::POST,
        "/Bulk",
        json!({"schemas": ["urn:ietf:params:scim:api:messages:2.0:BulkRequest"], "Operations": []}),
    )
    .await
    .expect(403);
    // Whoever was admin when the token was made changes nothing with it any more.
    let _ = set_roles(&kit, &owner, &grace, 2, json!(["admin"])).await.expect(200);
    let _ = set_roles(&kit, &owner, &grace, 3, json!(["member"])).await.expect(200);
    let before = Person { role: Role::Admin, ..grace };
    let _ = send(&kit, &before, Method::POST, "/Users", super::grace()).await.expect(403);
}

async fn a_tokens_scope_is_enough_or_not(backend: Backend) {
    let (kit, owner) = ready(backend).await;
    let with = |scope: &str| kit.token_with(&owner, serde_json::Map::from_iter([("scope".to_owned(), json!(scope))]));
    for (scope, read, write) in [
        ("user-auth", 200, 201),
        ("api", 200, 409),
        ("user-auth:read-directory", 200, 403),
        ("user-auth:provision", 403, 409),
        ("content-management", 403, 403),
    ] {
        let token = with(scope);
        let _ = request(&kit, &token, Method::GET, "/Users", None).send().await.expect(read);
        let _ = request(&kit, &token, Method::POST, "/Users", Some(&grace())).send().await.expect(write);
    }
    // A token says no less than its holder may, but also no more than it says itself.
    let token = kit.token_with(&owner, serde_json::Map::from_iter([("roles".to_owned(), json!(["editor"]))]));
    let _ = request(&kit, &token, Method::POST, "/Users", Some(&grace())).send().await.expect(403);
    // One that is nobody's is a service's own.
    let service = Person::of(owner.tenant, Role::Admin);
    let token = kit.token_with(&service, serde_json::Map::from_iter([("scope".to_owned(), json!("user-auth"))]));
    let body = json!({"schemas": [USER], "userName": "linus@example.com"});
    let _ = request(&kit, &token, Method::POST, "/Users", Some(&body)).send().await.expect(201);
    let _ = send(&kit, &service, Method::POST, "/Users", body).await.expect(403);
}

async fn another_organisation_is_out_of_reach(backend: Backend) {
    let (kit, owner) = ready(backend).await;
    let user = made(&kit, &owner, grace()).await;
    let stranger = Person::new(Role::Owner);
    let _ = get(&kit, &stranger, &at(&user, "Users")).await.expect(404);
    assert_eq!(get(&kit, &stranger, "/Users").await.expect(200).value()["totalResults"], 0);
    let body = json!({"filter": "userName pr or not (title eq \"x\")"});
    let all = send(&kit, &stranger, Method::POST, "/.search", body).await.expect(200).value();
    assert_eq!(all["totalResults"], 0);
    let _ = send(&kit, &stranger, Method::DELETE, &at(&user, "Users"), Value::Null).await.expect(403);
}

async fn refusals_are_in_the_protocols_words(backend: Backend) {
    let (kit, owner) = ready(backend).await;
    let token = kit.token(&owner);
    let is_error = |reply: &Reply, status: u16| {
        assert_eq!(reply.header("content-type"), "application/scim+json", "{}", reply.text());
        let body = reply.value();
        assert_eq!(body["schemas"], json!(["urn:ietf:params:scim:api:messages:2.0:Error"]));
        assert_eq!(body["status"], json!(status.to_string()), "{body}");
        assert!(!body["detail"].as_str().unwrap().is_empty());
    };
    for (method, path, status) in [
        (Method::GET, "/nothing", 404),
        (Method::GET, "", 404),
        (Method::GET, "/Users/x", 404),
        (Method::GET, "/Users/x/y", 404),
        (Method::GET, "/Me", 404),
        (Method::GET, "/Schemas/x", 404),
        (Method::POST, "/Schemas", 405),
        (Method::DELETE, "/ServiceProviderConfig", 405),
        (Method::PUT, "/Users", 405),
        (Method::GET, "/Bulk", 405),
    ] {
        is_error(&request(&kit, &token, method, path, None).send().await.expect(status), status);
    }
    let refused = kit.get("/scim/v2/Users").send().await.expect(401);
    is_error(&refused, 401);
    assert!(refused.header("www-authenticate").starts_with("Bearer"));
    let post = |kind: &'static str, body: Vec<u8>| {
        kit.post("/scim/v2/Users").bearer(&token).header("content-type", kind).bytes(body).send()
    };
    is_error(&post("application/scim+json", b"{".to_vec()).await.expect(400), 400);
    is_error(&post("text/plain", b"{}".to_vec()).await.expect(415), 415);
    is_error(&post("application/scim+json", vec![b' '; 2 << 20]).await.expect(413), 413);
}

async fn names_and_addresses_are_unique(backend: Backend) {
    let (kit, owner) = ready(backend).await;
    let user = made(&kit, &owner, grace()).await;
    let refused = async |body: Value| {
        send(&kit, &owner, Method::POST, "/Users", body).await.expect(409).value()["scimType"].clone()
    };
    assert_eq!(
        refused(json!({"schemas": [USER], "userName": "GRACE.HOPPER", "emails": [{"value": "x@example.com"}]})).await,
        "uniqueness"
    );
    assert_eq!(
        refused(json!({"schemas": [USER], "userName": "x", "emails": [{"value": "GRACE@example.com"}]})).await,
        "uniqueness"
    );
    assert_eq!(refused(json!({"schemas": [USER], "userName": "owner@example.com"})).await, "uniqueness");
    let path = at(&user, "Users");
    let taken =
        patch(&kit, &owner, &path, json!([{"op": "replace", "path": "userName", "value": "Owner@example.com"}])).await;
    assert_eq!(taken.expect(409).value()["scimType"], "uniqueness");
    let taken = patch(
        &kit,
        &owner,
        &path,
        json!([{"op": "replace", "path": "emails", "value": [{"value": "owner@example.com"}]}]),
    )
    .await;
    assert_eq!(taken.expect(409).value()["scimType"], "uniqueness");
    for (body, kind) in [
        (json!({"userName": "y"}), "invalidSyntax"),
        (json!({"schemas": [USER]}), "invalidValue"),
        (json!({"schemas": [USER], "userName": "y"}), "invalidValue"),
        (json!({"schemas": [USER], "userName": "y", "emails": [{"value": "no address"}]}), "invalidValue"),
        (json!({"schemas": [USER], "userName": 1, "emails": [{"value": "y@example.com"}]}), "invalidValue"),
        (json!({"schemas": [USER], "userName": "y", "emails": [{"type": "work"}]}), "invalidValue"),
        (json!({"schemas": [USER], "userName": "y@example.com", "displayName": "a\u{202E}b"}), "invalidValue"),
        (json!({"schemas": [USER], "userName": "y@example.com", "title": "x".repeat(600)}), "invalidValue"),
        (
            json!({"schemas": [USER], "userName": "y@example.com", "phoneNumbers": vec![json!({"value": "1"}); 101]}),
            "invalidValue",
        ),
        (json!([]), "invalidSyntax"),
    ] {
        let refused = send(&kit, &owner, Method::POST, "/Users", body.clone()).await.expect(400).value();
        assert_eq!(refused["scimType"], kind, "{body}");
    }
}

async fn nobody_takes_over_a_provisioned_account_by_registering(backend: Backend) {
    let (kit, owner) = ready(backend).await;
    let _ = made(&kit, &owner, grace()).await;
    let _ = register(&kit, GRACE, "the password of another").await.expect(202);
    let newest = &mails_to(&kit, &owner, GRACE).await[0];
    assert_eq!(newest["subject"], "You already have an account");
    assert_eq!(outcome(&kit, GRACE, "the password of another").await, "invalid");
}

async fn deactivating_ends_sessions_and_the_last_owner_stays(backend: Backend) {
    let kit = Testkit::start(backend, vec![user_auth::service(), session_mgr::service()]).await;
    let owner = crate::support::set_up(&kit).await;
    let grace = member(&kit, &owner, GRACE).await;
    let _ = crate::roles::start_session(&kit, &grace, kit.now()).await.expect(200);
    let path = format!("/Users/{}", grace.user);
    let off = json!([{"op": "Replace", "path": "active", "value": "False"}]);
    assert_eq!(patch(&kit, &owner, &path, off.clone()).await.expect(200).value()["active"], false);
    let sessions = kit.get("/api/sessions").bearer(kit.token(&grace)).send().await.expect(200).value();
    assert_eq!(sessions["items"], json!([]));
    assert_eq!(outcome(&kit, GRACE, PASSWORD).await, "invalid");
    let on = json!([{"op": "replace", "value": {"active": true}}]);
    assert_eq!(patch(&kit, &owner, &path, on).await.expect(200).value()["active"], true);
    assert_eq!(outcome(&kit, GRACE, PASSWORD).await, "valid");
    // Who takes the value back learns no more of it, and lets nobody in.
    let _ = patch(&kit, &owner, &path, off.clone()).await.expect(200);
    let silent = patch(&kit, &owner, &path, json!([{"op": "remove", "path": "active"}])).await.expect(200).value();
    assert_eq!(silent["active"], Value::Null);
    assert_eq!(outcome(&kit, GRACE, PASSWORD).await, "invalid");
    let own = format!("/Users/{}", owner.user);
    let _ = patch(&kit, &owner, &own, off).await.expect(409);
    let _ = send(&kit, &owner, Method::DELETE, &own, Value::Null).await.expect(409);
    let _ = get(&kit, &owner, &own).await.expect(200);
}
