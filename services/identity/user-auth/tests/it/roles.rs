use http::Method;
use nexus_kernel::Role;
use nexus_testkit::{Backend, Person, Testkit};
use serde_json::{Value, json};

use crate::on_each_database;
use crate::support::{PASSWORD, member, profile_of, ready, register, set_roles, set_up};

const GRACE: &str = "grace@example.com";
const LINUS: &str = "linus@example.com";

on_each_database!(
    admins_see_everybody_and_members_themselves,
    the_list_of_people_has_pages,
    only_owners_make_owners,
    the_last_owner_stays,
    two_owners_who_leave_at_once_leave_one_behind,
    only_somebody_who_can_sign_in_becomes_owner,
    who_lost_a_role_cannot_use_it_with_an_old_token,
    a_role_change_ends_the_persons_sessions,
    a_password_change_ends_the_persons_sessions,
    roles_survive_session_mgr_being_away,
);

/// Somebody with another role than before, as a token made now would say.
fn with(person: &Person, role: Role) -> Person {
    Person { role, ..person.clone() }
}

async fn version(kit: &Testkit, owner: &Person, email: &str) -> i64 {
    profile_of(kit, owner, email).await["version"].as_i64().unwrap()
}

async fn admins_see_everybody_and_members_themselves(backend: Backend) {
    let (kit, owner) = ready(backend).await;
    let grace = member(&kit, &owner, GRACE).await;
    let get = async |path: String, who: &Person| kit.get(&path).bearer(kit.token(who)).send().await;
    assert_eq!(get("/api/users".to_owned(), &grace).await.expect(403).code(), "forbidden");
    assert_eq!(get(format!("/api/users/{}", owner.user), &grace).await.expect(403).code(), "forbidden");
    assert_eq!(get("/api/users/mailbox".to_owned(), &grace).await.expect(403).code(), "forbidden");
    let _ = set_roles(&kit, &grace, &grace, 2, json!(["admin"])).await.expect(403);

    let changed = set_roles(&kit, &owner, &grace, 2, json!(["editor", "admin", "editor"])).await.expect(200);
    assert_eq!(changed.value()["roles"], json!(["admin", "editor"]));
    assert_eq!(changed.header("etag"), "\"3\"");
    let grace = with(&grace, Role::Admin);
    let people = get("/api/users".to_owned(), &grace).await.expect(200).value();
    assert_eq!(people["items"].as_array().unwrap().len(), 2);
    let seen = get(format!("/api/users/{}", owner.user), &grace).await.expect(200);
    assert_eq!(seen.value()["roles"], json!(["owner"]));
    // The same again changes nothing.
    let same = set_roles(&kit, &owner, &grace, 3, json!(["admin", "editor"])).await.expect(200);
    assert_eq!(same.header("etag"), "\"3\"");
}

async fn the_list_of_people_has_pages(backend: Backend) {
    let (kit, owner) = ready(backend).await;
    for email in [GRACE, LINUS] {
        let _ = register(&kit, email, PASSWORD).await.expect(202);
    }
    let mut seen = Vec::new();
    let mut cursor = String::new();
    loop {
        let path = format!("/api/users?limit=1{cursor}");
        let page: Value = kit.get(&path).bearer(kit.token(&owner)).send().await.expect(200).value();
        seen.extend(page["items"].as_array().unwrap().iter().map(|item| item["email"].clone()));
        match page["next_cursor"].as_str() {
            Some(next) => cursor = format!("&cursor={next}"),
            None => break,
        }
    }
    assert_eq!(seen, [LINUS, GRACE, "owner@example.com"]);
    for bad in ["limit=0", "limit=201", "limit=x", "cursor=%FF", "cursor=!!!"] {
        let refused = kit.get(&format!("/api/users?{bad}")).bearer(kit.token(&owner)).send().await.expect(400);
        assert_eq!(refused.code(), "invalid-page", "{bad}");
    }
}

async fn only_owners_make_owners(backend: Backend) {
    let (kit, owner) = ready(backend).await;
    let grace = member(&kit, &owner, GRACE).await;
    let linus = member(&kit, &owner, LINUS).await;
    let _ = set_roles(&kit, &owner, &grace, 2, json!(["admin"])).await.expect(200);
    let grace = with(&grace, Role::Admin);
    let _ = set_roles(&kit, &grace, &linus, 2, json!(["editor"])).await.expect(200);
    assert_eq!(set_roles(&kit, &grace, &linus, 3, json!(["owner"])).await.expect(403).code(), "owner-only");
    assert_eq!(set_roles(&kit, &grace, &grace, 3, json!(["owner"])).await.expect(403).code(), "owner-only");
    assert_eq!(set_roles(&kit, &grace, &owner, 1, json!(["member"])).await.expect(403).code(), "owner-only");
    let _ = set_roles(&kit, &owner, &linus, 3, json!(["owner"])).await.expect(200);
    assert_eq!(set_roles(&kit, &grace, &linus, 4, json!(["member"])).await.expect(403).code(), "owner-only");
}

async fn the_last_owner_stays(backend: Backend) {
    let (kit, owner) = ready(backend).await;
    let grace = member(&kit, &owner, GRACE).await;
    assert_eq!(set_roles(&kit, &owner, &owner, 1, json!(["member"])).await.expect(409).code(), "last-owner");
    let _ = set_roles(&kit, &owner, &grace, 2, json!(["owner"])).await.expect(200);
    let _ = set_roles(&kit, &owner, &owner, 1, json!(["member"])).await.expect(200);
    let grace = with(&grace, Role::Owner);
    assert_eq!(set_roles(&kit, &grace, &grace, 3, json!(["admin"])).await.expect(409).code(), "last-owner");
}

async fn two_owners_who_leave_at_once_leave_one_behind(backend: Backend) {
    let (kit, owner) = ready(backend).await;
    let grace = member(&kit, &owner, GRACE).await;
    let _ = set_roles(&kit, &owner, &grace, 2, json!(["owner"])).await.expect(200);
    let grace = with(&grace, Role::Owner);
    let (first, second) = tokio::join!(
        set_roles(&kit, &owner, &owner, 1, json!(["member"])),
        set_roles(&kit, &grace, &grace, 3, json!(["member"])),
    );
    let mut answers = [first.status.as_u16(), second.status.as_u16()];
    answers.sort_unstable();
    assert_eq!(answers, [200, 409], "{} {}", first.text(), second.text());
}

async fn only_somebody_who_can_sign_in_becomes_owner(backend: Backend) {
    let (kit, owner) = ready(backend).await;
    let _ = register(&kit, GRACE, PASSWORD).await.expect(202);
    let grace = crate::support::person(&profile_of(&kit, &owner, GRACE).await);
    let refused = set_roles(&kit, &owner, &grace, 1, json!(["owner"])).await.expect(409);
    assert_eq!(refused.code(), "email-not-verified");
}

async fn who_lost_a_role_cannot_use_it_with_an_old_token(backend: Backend) {
    let (kit, owner) = ready(backend).await;
    let grace = member(&kit, &owner, GRACE).await;
    let _ = set_roles(&kit, &owner, &grace, 2, json!(["owner"])).await.expect(200);
    let _ = set_roles(&kit, &owner, &grace, 3, json!(["member"])).await.expect(200);
    let before = with(&grace, Role::Owner);
    let refused = set_roles(&kit, &before, &before, 4, json!(["owner"])).await.expect(403);
    assert_eq!(refused.code(), "forbidden");
    assert_eq!(version(&kit, &owner, GRACE).await, 4);
}

async fn with_sessions(backend: Backend) -> (Testkit, Person) {
    let kit = Testkit::start(backend, vec![user_auth::service(), session_mgr::service()]).await;
    let owner = set_up(&kit).await;
    (kit, owner)
}

/// Starts a session as auth-service does.
pub(crate) async fn start_session(
    kit: &Testkit,
    person: &Person,
    authenticated_at: nexus_kernel::Timestamp,
) -> nexus_testkit::Reply {
    kit.request_to("session-mgr", Method::POST, "/internal/sessions")
        .from_service("auth-service")
        .json(json!({
            "tenant": person.tenant, "user": person.user, "authenticated_at": authenticated_at,
            "user_agent": "curl/8.9.1", "address": "203.0.113.7", "methods": ["pwd"],
        }))
        .send()
        .await
}

async fn sessions(kit: &Testkit, person: &Person) -> usize {
    let list = kit.get("/api/sessions").bearer(kit.token(person)).send().await.expect(200).value();
    list["items"].as_array().unwrap().len()
}

async fn a_role_change_ends_the_persons_sessions(backend: Backend) {
    let (kit, owner) = with_sessions(backend).await;
    let grace = member(&kit, &owner, GRACE).await;
    let looked_at = kit.now();
    kit.clock.advance(std::time::Duration::from_millis(5));
    for person in [&owner, &grace, &grace] {
        let _ = start_session(&kit, person, kit.now()).await.expect(200);
    }
    assert_eq!(sessions(&kit, &grace).await, 2);
    let _ = set_roles(&kit, &owner, &grace, 2, json!(["editor"])).await.expect(200);
    assert_eq!(sessions(&kit, &grace).await, 0, "they have ended when the change is answered");
    assert_eq!(sessions(&kit, &owner).await, 1);
    // A sign-in that saw the old roles comes too late.
    assert_eq!(start_session(&kit, &grace, looked_at).await.expect(409).code(), "sign-in-again");
    let _ = start_session(&kit, &grace, kit.now()).await.expect(200);
}

async fn a_password_change_ends_the_persons_sessions(backend: Backend) {
    let (kit, owner) = with_sessions(backend).await;
    let _ = start_session(&kit, &owner, kit.now()).await.expect(200);
    let body = json!({"current_password": PASSWORD, "new_password": "a better password"});
    let _ = kit.post("/api/users/me/password").bearer(kit.token(&owner)).json(body).send().await.expect(204);
    assert_eq!(sessions(&kit, &owner).await, 0, "they have ended when the change is answered");
}

async fn roles_survive_session_mgr_being_away(backend: Backend) {
    // session-mgr does not run: the change is made all the same, and the order to end the sessions stays.
    let (kit, owner) = ready(backend).await;
    let grace = member(&kit, &owner, GRACE).await;
    let _ = set_roles(&kit, &owner, &grace, 2, json!(["editor"])).await.expect(200);
    assert_eq!(profile_of(&kit, &owner, GRACE).await["roles"], json!(["editor"]));
}
