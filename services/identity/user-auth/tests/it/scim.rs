use http::Method;
use nexus_testkit::{Backend, Person, Reply, Testkit};
use serde_json::{Value, json};

use crate::on_each_database;
use crate::support::{PASSWORD, mailed_invitation, mails_to, member, outcome, profile_of, ready};

mod rules;
mod search;

pub(crate) const USER: &str = "urn:ietf:params:scim:schemas:core:2.0:User";
pub(crate) const GROUP: &str = "urn:ietf:params:scim:schemas:core:2.0:Group";
pub(crate) const ENTERPRISE: &str = "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User";
pub(crate) const GRACE: &str = "grace@example.com";

on_each_database!(
    a_person_is_made_read_changed_and_deleted,
    a_provisioned_person_signs_in_once_the_address_is_shown_to_be_theirs,
    groups_have_members,
    versions_guard_changes,
    many_changes_fit_into_one_request,
    an_erased_person_is_gone,
);

/// A directory's request with this token.
pub(crate) fn request(
    kit: &Testkit,
    token: &str,
    method: Method,
    path: &str,
    body: Option<&Value>,
) -> nexus_testkit::Request {
    let request = kit.request(method, &format!("/scim/v2{path}")).bearer(token);
    match body {
        Some(body) => request.header("content-type", "application/scim+json").bytes(body.to_string()),
        None => request,
    }
}

pub(crate) async fn send(kit: &Testkit, who: &Person, method: Method, path: &str, body: Value) -> Reply {
    let body = Some(&body).filter(|body| !body.is_null());
    request(kit, &kit.token(who), method, path, body).send().await
}

pub(crate) async fn get(kit: &Testkit, who: &Person, path: &str) -> Reply {
    send(kit, who, Method::GET, path, Value::Null).await
}

pub(crate) fn grace() -> Value {
    json!({
        "schemas": [USER, ENTERPRISE],
        "userName": "Grace.Hopper",
        "externalId": "00u1",
        "name": {"givenName": "Grace", "familyName": "Hopper"},
        "emails": [{"value": "Grace@example.com", "type": "work", "primary": true}, {"value": "g@home.example", "type": "home"}],
        "title": "Rear Admiral",
        ENTERPRISE: {"department": "Compilers", "manager": {"value": "26118915"}},
    })
}

pub(crate) async fn made(kit: &Testkit, owner: &Person, body: Value) -> Value {
    kit.clock.advance(std::time::Duration::from_millis(5));
    send(kit, owner, Method::POST, "/Users", body).await.expect(201).value()
}

pub(crate) fn at(resource: &Value, endpoint: &str) -> String {
    format!("/{endpoint}/{}", resource["id"].as_str().unwrap())
}

pub(crate) async fn patch(kit: &Testkit, who: &Person, path: &str, operations: Value) -> Reply {
    let body = json!({"schemas": ["urn:ietf:params:scim:api:messages:2.0:PatchOp"], "Operations": operations});
    send(kit, who, Method::PATCH, path, body).await
}

/// The userNames that a filter finds, sorted.
pub(crate) async fn found(kit: &Testkit, owner: &Person, filter: &str) -> Vec<String> {
    let body = json!({"schemas": ["urn:ietf:params:scim:api:messages:2.0:SearchRequest"], "filter": filter, "sortBy": "userName"});
    let list = send(kit, owner, Method::POST, "/Users/.search", body).await.expect(200).value();
    list["Resources"].as_array().unwrap().iter().map(|user| user["userName"].as_str().unwrap().to_owned()).collect()
}

async fn a_person_is_made_read_changed_and_deleted(backend: Backend) {
    let (kit, owner) = ready(backend).await;
    let created = send(&kit, &owner, Method::POST, "/Users", grace()).await.expect(201);
    let user = created.value();
    let path = at(&user, "Users");
    assert_eq!(created.header("content-type"), "application/scim+json");
    assert_eq!(created.header("location"), format!("http://nexus.test/scim/v2{path}"));
    assert_eq!((created.header("etag").as_str(), &user["meta"]["version"]), ("W/\"1\"", &json!("W/\"1\"")));
    assert_eq!(
        (&user["userName"], &user["active"], &user["externalId"]),
        (&json!("Grace.Hopper"), &json!(true), &json!("00u1"))
    );
    assert_eq!(
        (&user["schemas"], &user["roles"]),
        (&json!([USER, ENTERPRISE]), &json!([{"value": "member", "primary": true}]))
    );
    assert_eq!(get(&kit, &owner, &path).await.expect(200).value(), user);
    let profile = profile_of(&kit, &owner, GRACE).await;
    assert_eq!((&profile["name"], &profile["email_verified"]), (&json!("Grace Hopper"), &json!(false)));

    let changed = patch(
        &kit,
        &owner,
        &path,
        json!([
            {"op": "Replace", "path": "displayName", "value": "Amazing Grace"},
            {"op": "add", "path": "phoneNumbers[type eq \"work\"].value", "value": "555"},
            {"op": "remove", "path": format!("{ENTERPRISE}:manager")},
        ]),
    )
    .await
    .expect(200);
    let user = changed.value();
    assert_eq!((&user["displayName"], changed.header("etag").as_str()), (&json!("Amazing Grace"), "W/\"2\""));
    assert_eq!(
        (&user["phoneNumbers"], &user[ENTERPRISE]),
        (&json!([{"type": "work", "value": "555"}]), &json!({"department": "Compilers"}))
    );
    assert_eq!(profile_of(&kit, &owner, GRACE).await["name"], "Amazing Grace");

    let body = json!({"schemas": [USER], "userName": "grace", "emails": [{"value": GRACE}], "groups": [{"value": "x"}], "id": "y"});
    let replaced = send(&kit, &owner, Method::PUT, &path, body).await.expect(200).value();
    assert_eq!((&replaced["id"], &replaced["title"], &replaced["groups"]), (&user["id"], &Value::Null, &Value::Null));
    assert_eq!(replaced["emails"], json!([{"value": GRACE}]));

    let _ = send(&kit, &owner, Method::DELETE, &path, Value::Null).await.expect(204);
    let _ = get(&kit, &owner, &path).await.expect(404);
    let _ = send(&kit, &owner, Method::DELETE, &path, Value::Null).await.expect(404);
    assert_eq!(found(&kit, &owner, "title pr").await, Vec::<String>::new());
}

async fn a_provisioned_person_signs_in_once_the_address_is_shown_to_be_theirs(backend: Backend) {
    let (kit, owner) = ready(backend).await;
    let user = made(&kit, &owner, grace()).await;
    assert_eq!(outcome(&kit, GRACE, "").await, "invalid");
    assert_eq!(outcome(&kit, GRACE, PASSWORD).await, "invalid");
    let token = mailed_invitation(&kit, &owner, GRACE).await;
    let opened = kit.post("/api/auth/register/invitation/open").json(json!({"token": token})).send().await.expect(200);
    assert_eq!(opened.value()["name"], "Grace Hopper");
    let body = json!({"token": token, "name": "Grace B. M. Hopper", "password": PASSWORD});
    let profile = kit.post("/api/auth/register/invitation").json(body).send().await.expect(200).value();
    assert_eq!((&profile["id"], &profile["email_verified"]), (&user["id"], &json!(true)));
    assert_eq!(outcome(&kit, GRACE, PASSWORD).await, "valid");
    let seen = get(&kit, &owner, &at(&user, "Users")).await.expect(200).value();
    assert_eq!((&seen["displayName"], &seen["title"]), (&json!("Grace B. M. Hopper"), &json!("Rear Admiral")));
    // Another address is not known to be theirs before they say so.
    let path = at(&user, "Users");
    let _ = patch(
        &kit,
        &owner,
        &path,
        json!([{"op": "replace", "path": "emails[primary eq true].value", "value": "h@example.com"}]),
    )
    .await
    .expect(200);
    assert_eq!(outcome(&kit, "h@example.com", PASSWORD).await, "unverified");
    assert_eq!(outcome(&kit, GRACE, PASSWORD).await, "invalid");
}

async fn groups_have_members(backend: Backend) {
    let (kit, owner) = ready(backend).await;
    let user = made(&kit, &owner, grace()).await;
    let body =
        json!({"schemas": [GROUP], "displayName": "Compilers", "externalId": "g1", "members": [{"value": user["id"]}]});
    let created = send(&kit, &owner, Method::POST, "/Groups", body.clone()).await.expect(201).value();
    let path = at(&created, "Groups");
    assert_eq!((&created["members"][0]["value"], &created["members"][0]["type"]), (&user["id"], &json!("User")));
    let seen = get(&kit, &owner, &at(&user, "Users")).await.expect(200).value();
    assert_eq!((&seen["groups"][0]["display"], &seen["groups"][0]["type"]), (&json!("Compilers"), &json!("direct")));
    assert_eq!(send(&kit, &owner, Method::POST, "/Groups", body).await.expect(409).value()["scimType"], "uniqueness");

    let group = created["id"].as_str().unwrap();
    assert_eq!(found(&kit, &owner, &format!("groups.value eq \"{group}\"")).await, ["Grace.Hopper"]);
    let groups = async |filter: &str| {
        let list =
            send(&kit, &owner, Method::POST, "/Groups/.search", json!({"filter": filter})).await.expect(200).value();
        list["totalResults"].as_i64().unwrap()
    };
    let id = user["id"].as_str().unwrap();
    assert_eq!(groups(&format!("members.value eq \"{id}\"")).await, 1);
    assert_eq!(groups(&format!("members[value eq \"{id}\"] and displayName eq \"COMPILERS\"")).await, 1);
    assert_eq!(groups(&format!("members[value ne \"{id}\"]")).await, 0);
    assert_eq!(groups("externalId eq \"g1\" and members pr").await, 1);

    let owner_id = json!([{"value": owner.user}]);
    let added =
        patch(&kit, &owner, &path, json!([{"op": "add", "path": "members", "value": owner_id}])).await.expect(200);
    assert_eq!(added.value()["members"].as_array().unwrap().len(), 2);
    let removed =
        patch(&kit, &owner, &path, json!([{"op": "remove", "path": format!("members[value eq \"{id}\"]")}])).await;
    let removed = removed.expect(200).value();
    assert_eq!(
        (removed["members"].as_array().unwrap().len(), &removed["members"][0]["value"]),
        (1, &json!(owner.user))
    );
    let without = get(&kit, &owner, &format!("{path}?excludedAttributes=members")).await.expect(200).value();
    assert_eq!((&without["members"], &without["displayName"]), (&Value::Null, &json!("Compilers")));
    let nobody =
        json!([{"op": "add", "path": "members", "value": [{"value": "0199b3a2-7c1e-7d40-8a51-3f0e6b9d2c11"}]}]);
    assert_eq!(patch(&kit, &owner, &path, nobody).await.expect(400).value()["scimType"], "invalidValue");
    let body = json!({"schemas": [GROUP], "displayName": "Languages"});
    let replaced = send(&kit, &owner, Method::PUT, &path, body).await.expect(200).value();
    assert_eq!(
        (&replaced["displayName"], &replaced["members"], &replaced["externalId"]),
        (&json!("Languages"), &Value::Null, &Value::Null)
    );
    let _ = send(&kit, &owner, Method::DELETE, &path, Value::Null).await.expect(204);
    let _ = get(&kit, &owner, &path).await.expect(404);
    let _ = get(&kit, &owner, &at(&user, "Users")).await.expect(200);
}

async fn versions_guard_changes(backend: Backend) {
    let (kit, owner) = ready(backend).await;
    let user = made(&kit, &owner, grace()).await;
    let path = at(&user, "Users");
    let token = kit.token(&owner);
    let body = json!({"schemas": ["urn:ietf:params:scim:api:messages:2.0:PatchOp"], "Operations": [{"op": "add", "path": "title", "value": "x"}]});
    let change =
        |tag: &'static str| request(&kit, &token, Method::PATCH, &path, Some(&body)).header("if-match", tag).send();
    let _ = change("W/\"7\"").await.expect(412);
    let _ = change("nonsense").await.expect(412);
    assert_eq!(change("W/\"1\"").await.expect(200).header("etag"), "W/\"2\"");
    let _ = change("W/\"1\"").await.expect(412);
    // What changes nothing has no new version.
    assert_eq!(change("\"2\", \"9\"").await.expect(200).header("etag"), "W/\"2\"");
    let _ = request(&kit, &token, Method::DELETE, &path, None).header("if-match", "W/\"1\"").send().await.expect(412);
    let same =
        request(&kit, &token, Method::GET, &path, None).header("if-none-match", "W/\"2\"").send().await.expect(304);
    assert_eq!(same.text(), "");
    let _ = request(&kit, &token, Method::GET, &path, None).header("if-none-match", "W/\"1\"").send().await.expect(200);
    let _ = request(&kit, &token, Method::DELETE, &path, None).header("if-match", "*").send().await.expect(204);
}

async fn many_changes_fit_into_one_request(backend: Backend) {
    let (kit, owner) = ready(backend).await;
    let bulk = async |body: Value| send(&kit, &owner, Method::POST, "/Bulk", body).await;
    let schemas = json!(["urn:ietf:params:scim:api:messages:2.0:BulkRequest"]);
    // The group comes first and names somebody who is made after it.
    let reply = bulk(json!({"schemas": schemas, "Operations": [
        {"method": "POST", "path": "/Groups", "bulkId": "g", "data": {"schemas": [GROUP], "displayName": "Compilers", "members": [{"value": "bulkId:u"}]}},
        {"method": "POST", "path": "/Users", "bulkId": "u", "data": grace()},
        {"method": "POST", "path": "/Users", "bulkId": "v", "data": grace()},
        {"method": "PATCH", "path": "/Users/bulkId:u", "data": {"schemas": ["urn:ietf:params:scim:api:messages:2.0:PatchOp"], "Operations": [{"op": "replace", "path": "title", "value": "Admiral"}]}},
        {"method": "DELETE", "path": "/Users/0199b3a2-7c1e-7d40-8a51-3f0e6b9d2c11"},
        {"method": "GET", "path": "/Users"},
        {"method": "POST", "path": "/Groups", "bulkId": "x", "data": {"schemas": [GROUP], "displayName": "Lost", "members": [{"value": "bulkId:nobody"}]}},
    ]})).await.expect(200).value();
    let of = |name: &str| reply["Operations"].as_array().unwrap().iter().find(|one| one["bulkId"] == name).unwrap();
    assert_eq!((&of("u")["status"], &of("g")["status"]), (&json!("201"), &json!("201")));
    assert_eq!((&of("v")["status"], &of("v")["response"]["scimType"]), (&json!("409"), &json!("uniqueness")));
    assert_eq!(of("x")["response"]["scimType"], "invalidValue");
    let statuses: Vec<&str> =
        reply["Operations"].as_array().unwrap().iter().map(|one| one["status"].as_str().unwrap()).collect();
    assert_eq!(statuses.iter().filter(|status| **status == "200").count(), 1, "{reply}");
    assert_eq!(statuses.iter().filter(|status| **status == "404").count(), 1, "{reply}");
    let group = of("g")["location"].as_str().unwrap().rsplit('/').next().unwrap();
    let group = get(&kit, &owner, &format!("/Groups/{group}")).await.expect(200).value();
    assert_eq!(of("u")["location"], group["members"][0]["$ref"]);
    assert_eq!(found(&kit, &owner, "title eq \"Admiral\"").await, ["Grace.Hopper"]);

    // Two that wait for each other never are.
    let circle = bulk(json!({"schemas": schemas, "Operations": [
        {"method": "POST", "path": "/Groups", "bulkId": "a", "data": {"schemas": [GROUP], "displayName": "A", "members": [{"value": "bulkId:b"}]}},
        {"method": "POST", "path": "/Groups", "bulkId": "b", "data": {"schemas": [GROUP], "displayName": "B", "members": [{"value": "bulkId:a"}]}},
    ]})).await.expect(200).value();
    assert!(circle["Operations"].as_array().unwrap().iter().all(|one| one["status"] == "400"), "{circle}");
    // After so many errors, the rest is left.
    let wrong = json!({"method": "DELETE", "path": "/Users/x"});
    let stopped =
        bulk(json!({"schemas": schemas, "failOnErrors": 2, "Operations": [wrong, wrong, wrong]})).await.expect(200);
    assert_eq!(stopped.value()["Operations"].as_array().unwrap().len(), 2);
    let _ = bulk(json!({"schemas": schemas, "Operations": vec![wrong; 101]})).await.expect(413);
    assert_eq!(bulk(json!({"Operations": []})).await.expect(400).value()["scimType"], "invalidSyntax");
}

async fn an_erased_person_is_gone(backend: Backend) {
    let (kit, owner) = ready(backend).await;
    let grace = member(&kit, &owner, GRACE).await;
    let export = kit.get("/api/users/me/export").bearer(kit.token(&grace)).send().await.expect(200);
    assert_eq!((&export.value()["account"]["email"], &export.value()["groups"]), (&json!(GRACE), &json!([])));
    assert!(export.header("content-disposition").contains("account.json"));
    let group = json!({"schemas": [GROUP], "displayName": "Compilers", "members": [{"value": grace.user}]});
    let group = send(&kit, &owner, Method::POST, "/Groups", group).await.expect(201).value();
    let erase =
        |who: &Person, whom: &Person| kit.delete(&format!("/api/users/{}", whom.user)).bearer(kit.token(who)).send();
    let _ = erase(&grace, &owner).await.expect(403);
    assert_eq!(erase(&owner, &owner).await.expect(409).code(), "last-owner");
    let _ = erase(&owner, &grace).await.expect(204);
    let _ = erase(&owner, &grace).await.expect(404);
    let _ = kit.get("/api/users/me").bearer(kit.token(&grace)).send().await.expect(404);
    assert_eq!(outcome(&kit, GRACE, PASSWORD).await, "invalid");
    assert_eq!(get(&kit, &owner, &at(&group, "Groups")).await.expect(200).value()["members"], Value::Null);
    assert_eq!(mails_to(&kit, &owner, GRACE).await, Vec::<Value>::new());
    // The address is free again, for somebody else or the same person.
    let _ = member(&kit, &owner, GRACE).await;
}
