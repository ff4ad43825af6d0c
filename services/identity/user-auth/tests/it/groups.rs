use http::Method;
use nexus_kernel::Role;
use nexus_testkit::{Backend, Person, Reply, Testkit};
use serde_json::{Value, json};

use crate::on_each_database;
use crate::support::{PASSWORD, member, outcome, profile_of, ready, set_roles, set_up};

const GRACE: &str = "grace@example.com";
const LINUS: &str = "linus@example.com";

on_each_database!(
    a_group_lets_its_members_do_more,
    groups_have_names_of_their_own,
    a_group_makes_no_owners,
    admins_alone_see_and_change_groups,
    who_may_do_something_else_because_of_a_group_signs_in_again,
    a_deactivated_account_opens_nothing,
    the_last_owner_stays_active,
    what_happens_to_an_owners_account_is_for_owners,
    other_services_learn_who_somebody_is,
    another_organisations_groups_are_out_of_reach,
);

/// Time goes on, so that groups have an order.
async fn create(kit: &Testkit, asker: &Person, body: Value) -> Reply {
    kit.clock.advance(std::time::Duration::from_millis(5));
    kit.post("/api/users/groups").bearer(kit.token(asker)).json(body).send().await
}

async fn id_of(kit: &Testkit, owner: &Person, name: &str, roles: Value) -> String {
    let group = create(kit, owner, json!({"name": name, "roles": roles})).await.expect(201).value();
    group["id"].as_str().unwrap().to_owned()
}

async fn membership(kit: &Testkit, asker: &Person, method: Method, group: &str, who: &Person) -> Reply {
    kit.request(method, &format!("/api/users/groups/{group}/members/{}", who.user))
        .bearer(kit.token(asker))
        .send()
        .await
}

async fn change(kit: &Testkit, asker: &Person, group: &str, version: i64, body: Value) -> Reply {
    kit.patch(&format!("/api/users/groups/{group}"))
        .bearer(kit.token(asker))
        .header("if-match", format!("\"{version}\""))
        .json(body)
        .send()
        .await
}

async fn activity(kit: &Testkit, asker: &Person, of: &Person, what: &str) -> Reply {
    kit.post(&format!("/api/users/{}/{what}", of.user)).bearer(kit.token(asker)).send().await
}

async fn a_group_lets_its_members_do_more(backend: Backend) {
    let (kit, owner) = ready(backend).await;
    let grace = member(&kit, &owner, GRACE).await;
    let created = create(&kit, &owner, json!({"name": " Post-production ", "roles": ["editor", "admin"]})).await;
    let group = created.clone().expect(201).value();
    let id = group["id"].as_str().unwrap();
    assert_eq!(created.header("location"), format!("/api/users/groups/{id}"));
    assert_eq!(group["name"], "Post-production");
    assert_eq!((&group["roles"], &group["members"]), (&json!(["admin", "editor"]), &json!(0)));

    let _ = membership(&kit, &owner, Method::PUT, id, &grace).await.expect(204);
    let again = membership(&kit, &owner, Method::PUT, id, &grace).await.expect(204);
    assert_eq!(again.text(), "");
    let profile = profile_of(&kit, &owner, GRACE).await;
    assert_eq!(
        (&profile["roles"], &profile["effective_roles"]),
        (&json!(["member"]), &json!(["admin", "editor", "member"]))
    );
    let members = kit.get(&format!("/api/users/groups/{id}/members")).bearer(kit.token(&owner)).send().await;
    assert_eq!(members.expect(200).value()["items"][0]["email"], GRACE);
    let own = kit.get(&format!("/api/users/{}/groups", grace.user)).bearer(kit.token(&grace)).send().await;
    let own = own.expect(200).value();
    assert_eq!((&own["items"][0]["id"], &own["items"][0]["members"]), (&json!(id), &json!(1)));

    // She is an admin by her group, whatever her token says of her own roles.
    let grace = Person { role: Role::Admin, ..grace };
    let _ = create(&kit, &grace, json!({"name": "Sound"})).await.expect(201);
    let _ = kit.delete(&format!("/api/users/groups/{id}")).bearer(kit.token(&owner)).send().await.expect(204);
    assert_eq!(create(&kit, &grace, json!({"name": "Light"})).await.expect(403).code(), "forbidden");
    assert_eq!(profile_of(&kit, &owner, GRACE).await["effective_roles"], json!(["member"]));
}

async fn groups_have_names_of_their_own(backend: Backend) {
    let (kit, owner) = ready(backend).await;
    let id = id_of(&kit, &owner, "Sound", json!([])).await;
    let _ = id_of(&kit, &owner, "Light", json!([])).await;
    assert_eq!(create(&kit, &owner, json!({"name": "SOUND"})).await.expect(409).code(), "group-name-taken");
    assert_eq!(change(&kit, &owner, &id, 1, json!({"name": "light"})).await.expect(409).code(), "group-name-taken");
    let renamed = change(&kit, &owner, &id, 1, json!({"name": "SOUND"})).await.expect(200);
    assert_eq!((renamed.value()["name"].as_str(), renamed.header("etag")), (Some("SOUND"), "\"2\"".to_owned()));
    assert_eq!(change(&kit, &owner, &id, 1, json!({"name": "x"})).await.expect(412).code(), "precondition-failed");
    for body in [json!({}), json!({"name": ""}), json!({"name": "a\u{0}"}), json!({"name": "x", "owner": true})] {
        assert_eq!(create(&kit, &owner, body.clone()).await.expect(422).code(), "validation-failed", "{body}");
    }
    let list = kit.get("/api/users/groups?limit=1").bearer(kit.token(&owner)).send().await.expect(200).value();
    assert_eq!(list["items"][0]["name"], "Light");
    let next = format!("/api/users/groups?limit=1&cursor={}", list["next_cursor"].as_str().unwrap());
    let list = kit.get(&next).bearer(kit.token(&owner)).send().await.expect(200).value();
    assert_eq!((&list["items"][0]["name"], &list["next_cursor"]), (&json!("SOUND"), &json!(null)));
}

async fn a_group_makes_no_owners(backend: Backend) {
    let (kit, owner) = ready(backend).await;
    let refused = create(&kit, &owner, json!({"name": "Owners", "roles": ["owner"]})).await.expect(422);
    assert!(refused.text().contains("a group can't make owners"));
    let id = id_of(&kit, &owner, "Sound", json!([])).await;
    let refused = change(&kit, &owner, &id, 1, json!({"roles": ["owner"]})).await.expect(422);
    assert_eq!(refused.code(), "validation-failed");
}

async fn admins_alone_see_and_change_groups(backend: Backend) {
    let (kit, owner) = ready(backend).await;
    let grace = member(&kit, &owner, GRACE).await;
    let id = id_of(&kit, &owner, "Sound", json!(["editor"])).await;
    let _ = create(&kit, &grace, json!({"name": "Mine"})).await.expect(403);
    let _ = change(&kit, &grace, &id, 1, json!({"roles": ["admin"]})).await.expect(403);
    let _ = membership(&kit, &grace, Method::PUT, &id, &grace).await.expect(403);
    let _ = membership(&kit, &grace, Method::DELETE, &id, &owner).await.expect(403);
    for path in ["", "/{id}", "/{id}/members"] {
        let path = format!("/api/users/groups{}", path.replace("{id}", &id));
        let _ = kit.get(&path).bearer(kit.token(&grace)).send().await.expect(403);
        let _ = kit.get(&path).send().await.expect(401);
    }
    let others = format!("/api/users/{}/groups", owner.user);
    let _ = kit.get(&others).bearer(kit.token(&grace)).send().await.expect(403);
    let _ = activity(&kit, &grace, &owner, "deactivate").await.expect(403);
}

async fn who_may_do_something_else_because_of_a_group_signs_in_again(backend: Backend) {
    let kit = Testkit::start(backend, vec![user_auth::service(), session_mgr::service()]).await;
    let owner = set_up(&kit).await;
    let grace = member(&kit, &owner, GRACE).await;
    let sessions = async || {
        let list = kit.get("/api/sessions").bearer(kit.token(&grace)).send().await.expect(200).value();
        list["items"].as_array().unwrap().len()
    };
    let sign_in = async || {
        let _ = crate::roles::start_session(&kit, &grace, kit.now()).await.expect(200);
        kit.clock.advance(std::time::Duration::from_millis(5));
    };
    let editors = id_of(&kit, &owner, "Editors", json!(["editor"])).await;
    let friends = id_of(&kit, &owner, "Friends", json!(["member"])).await;
    sign_in().await;
    let _ = membership(&kit, &owner, Method::PUT, &friends, &grace).await.expect(204);
    assert_eq!(sessions().await, 1, "she may do what she might before");
    let _ = membership(&kit, &owner, Method::PUT, &editors, &grace).await.expect(204);
    assert_eq!(sessions().await, 0);
    sign_in().await;
    let _ = change(&kit, &owner, &editors, 2, json!({"roles": ["admin"]})).await.expect(200);
    assert_eq!(sessions().await, 0);
    sign_in().await;
    let _ = membership(&kit, &owner, Method::DELETE, &editors, &grace).await.expect(204);
    assert_eq!(sessions().await, 0);
    sign_in().await;
    let _ = activity(&kit, &owner, &grace, "deactivate").await.expect(200);
    assert_eq!(sessions().await, 0);
}

async fn a_deactivated_account_opens_nothing(backend: Backend) {
    let (kit, owner) = ready(backend).await;
    let grace = member(&kit, &owner, GRACE).await;
    let _ = set_roles(&kit, &owner, &grace, 2, json!(["admin"])).await.expect(200);
    let grace = Person { role: Role::Admin, ..grace };
    let gone = activity(&kit, &owner, &grace, "deactivate").await.expect(200).value();
    assert_eq!((&gone["active"], &gone["version"]), (&json!(false), &json!(4)));
    assert_eq!(outcome(&kit, GRACE, PASSWORD).await, "invalid");
    // Her access token is good for some minutes; what it could do for good, it can't any more.
    assert_eq!(activity(&kit, &grace, &grace, "reactivate").await.expect(403).code(), "forbidden");
    let again = activity(&kit, &owner, &grace, "deactivate").await.expect(200).value();
    assert_eq!(again["version"], 4);
    let back = activity(&kit, &owner, &grace, "reactivate").await.expect(200).value();
    assert_eq!((&back["active"], &back["roles"]), (&json!(true), &json!(["admin"])));
    assert_eq!(outcome(&kit, GRACE, PASSWORD).await, "valid");
}

async fn the_last_owner_stays_active(backend: Backend) {
    let (kit, owner) = ready(backend).await;
    assert_eq!(activity(&kit, &owner, &owner, "deactivate").await.expect(409).code(), "last-owner");
    let grace = member(&kit, &owner, GRACE).await;
    let _ = set_roles(&kit, &owner, &grace, 2, json!(["owner"])).await.expect(200);
    let _ = activity(&kit, &owner, &grace, "deactivate").await.expect(200);
    // An owner who can't sign in is none to rely on.
    assert_eq!(activity(&kit, &owner, &owner, "deactivate").await.expect(409).code(), "last-owner");
    assert_eq!(set_roles(&kit, &owner, &owner, 1, json!(["member"])).await.expect(409).code(), "last-owner");
    let _ = activity(&kit, &owner, &grace, "reactivate").await.expect(200);
    let _ = activity(&kit, &owner, &owner, "deactivate").await.expect(200);
}

async fn what_happens_to_an_owners_account_is_for_owners(backend: Backend) {
    let (kit, owner) = ready(backend).await;
    let grace = member(&kit, &owner, GRACE).await;
    let linus = member(&kit, &owner, LINUS).await;
    let _ = set_roles(&kit, &owner, &grace, 2, json!(["admin"])).await.expect(200);
    let _ = set_roles(&kit, &owner, &linus, 2, json!(["owner"])).await.expect(200);
    let grace = Person { role: Role::Admin, ..grace };
    assert_eq!(activity(&kit, &grace, &linus, "deactivate").await.expect(403).code(), "owner-only");
    let _ = activity(&kit, &owner, &linus, "deactivate").await.expect(200);
    assert_eq!(activity(&kit, &grace, &linus, "reactivate").await.expect(403).code(), "owner-only");
}

async fn other_services_learn_who_somebody_is(backend: Backend) {
    let (kit, owner) = ready(backend).await;
    let grace = member(&kit, &owner, GRACE).await;
    for (name, roles) in [("Sound", json!(["editor"])), ("light", json!([]))] {
        let id = id_of(&kit, &owner, name, roles).await;
        let _ = membership(&kit, &owner, Method::PUT, &id, &grace).await.expect(204);
    }
    let ask = |tenant: &Person| {
        let path = format!("/internal/people/{}/{}", tenant.tenant, grace.user);
        kit.request_to("user-auth", Method::GET, &path)
    };
    let _ = ask(&owner).send().await.expect(404);
    let _ = ask(&owner).from_service("streamcore").send().await.expect(403);
    let person = ask(&owner).from_service("auth-service").send().await.expect(200).value();
    assert_eq!(person["groups"], json!(["light", "Sound"]));
    assert_eq!(person["roles"], json!(["editor", "member"]));
    assert_eq!(
        (&person["email"], &person["email_verified"], &person["active"]),
        (&json!(GRACE), &json!(true), &json!(true))
    );
    let _ = ask(&Person::new(Role::Owner)).from_service("auth-service").send().await.expect(404);
}

async fn another_organisations_groups_are_out_of_reach(backend: Backend) {
    let (kit, owner) = ready(backend).await;
    let id = id_of(&kit, &owner, "Sound", json!(["admin"])).await;
    let stranger = Person::new(Role::Owner);
    let _ = kit.get(&format!("/api/users/groups/{id}")).bearer(kit.token(&stranger)).send().await.expect(404);
    let _ = membership(&kit, &stranger, Method::PUT, &id, &stranger).await.expect(403);
    let list = kit.get("/api/users/groups").bearer(kit.token(&stranger)).send().await.expect(200).value();
    assert_eq!(list["items"], json!([]));
    for id in ["0", "%00", "..%2F", "0199b3a2-7c1e-7d40-8a51-3f0e6b9d2c11"] {
        let path = format!("/api/users/groups/{id}");
        assert_eq!(kit.get(&path).bearer(kit.token(&owner)).send().await.expect(404).code(), "not-found", "{id}");
    }
    let nobody = Person::of(owner.tenant, Role::Member);
    let _ = membership(&kit, &owner, Method::PUT, &id, &nobody).await.expect(404);
}
