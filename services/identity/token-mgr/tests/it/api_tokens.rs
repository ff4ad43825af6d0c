//! Tokens that are good for months.

use std::time::Duration;

use nexus_contracts::token_mgr::IssuedTokens;
use nexus_kernel::Role;
use nexus_testkit::{Backend, Person, Reply, Testkit, eventually};
use serde_json::{Value, json};

use crate::on_each_database;
use crate::support::{alone, announced, ask, introspect, issue_to, revoke, try_issue};

on_each_database!(
    a_personal_token_does_what_its_person_lets_it,
    a_token_is_shown_once_and_kept_as_a_hash,
    people_see_and_revoke_their_own_tokens_only,
    what_is_no_token_request_is_refused_by_name,
    tokens_make_no_tokens,
    a_token_ends_when_it_says,
    its_use_is_noted_once_a_minute,
    programs_get_no_more_than_their_maker_has,
    personal_tokens_follow_their_account,
    a_person_has_only_so_many,
    a_repeat_does_not_show_a_token_again,
);

const PERSONAL: &str = "/api/tokens/personal";
const SERVICE: &str = "/api/tokens/service";

/// Somebody with this role who is signed in.
async fn signed_in(kit: &Testkit, person: Person) -> (Person, String) {
    let issued: IssuedTokens =
        try_issue(kit, "auth-service", &person, Duration::from_hours(24)).await.expect(200).json();
    (person, issued.access_token.expose().to_owned())
}

fn wish(kit: &Testkit, scopes: &[&str]) -> Value {
    json!({"name": "Backup", "scopes": scopes, "expires_at": kit.now().plus(Duration::from_hours(24))})
}

fn program(kit: &Testkit, roles: &[&str]) -> Value {
    let mut wish = wish(kit, &["api"]);
    wish["roles"] = json!(roles);
    wish
}

async fn make(kit: &Testkit, path: &str, bearer: &str, body: &Value) -> Reply {
    kit.post(path).bearer(bearer).json(body).send().await
}

async fn list(kit: &Testkit, path: &str, bearer: &str) -> Vec<Value> {
    let reply = kit.get(path).bearer(bearer).send().await.expect(200).value();
    reply["items"].as_array().unwrap().clone()
}

fn token(made: &Reply) -> String {
    made.value()["token"].as_str().unwrap().to_owned()
}

async fn a_personal_token_does_what_its_person_lets_it(backend: Backend) {
    let kit = alone(backend).await;
    let (person, bearer) = signed_in(&kit, Person::new(Role::Editor)).await;
    let made = make(&kit, PERSONAL, &bearer, &wish(&kit, &["token-mgr:list-personal-tokens"])).await.expect(201);
    let personal = token(&made);
    assert!(personal.starts_with("nxp_"));
    let said = introspect(&kit, &personal).await;
    assert_eq!(
        (&said["active"], &said["token_use"], &said["sub"]),
        (&json!(true), &json!("personal_token"), &json!(person.user))
    );
    assert_eq!((&said["roles"], &said["scope"]), (&json!(["editor"]), &json!("token-mgr:list-personal-tokens")));
    assert!(said.get("auth_time").is_none());
    // What it names, and nothing else; also where clients of Vault put it.
    assert_eq!(list(&kit, PERSONAL, &personal).await.len(), 1);
    let _ = kit.get(PERSONAL).header("x-vault-token", &personal).send().await.expect(200);
    let path = format!("{PERSONAL}/{}", made.value()["id"].as_str().unwrap());
    let _ = kit.delete(&path).bearer(&personal).send().await.expect(404);
    let refused = kit.get(SERVICE).bearer(&personal).send().await.expect(403);
    assert_eq!(refused.code(), "insufficient-scope");
    assert!(refused.header("www-authenticate").contains("insufficient_scope"));
    // For another service it is no token at all.
    let elsewhere = make(&kit, PERSONAL, &bearer, &wish(&kit, &["content-management"])).await.expect(201);
    assert_eq!(kit.get(PERSONAL).bearer(token(&elsewhere)).send().await.expect(403).code(), "insufficient-scope");
}

async fn a_token_is_shown_once_and_kept_as_a_hash(backend: Backend) {
    let kit = alone(backend).await;
    let (_, bearer) = signed_in(&kit, Person::new(Role::Member)).await;
    let made = make(&kit, PERSONAL, &bearer, &wish(&kit, &["api"])).await.expect(201);
    assert_eq!(made.header("cache-control"), "no-store");
    let listed = kit.get(PERSONAL).bearer(&bearer).send().await.expect(200).text();
    assert!(!listed.contains("nxp_") && listed.contains("Backup"));
    let events = eventually("it is announced", async || {
        let events = announced(&kit).await;
        events.contains("api-token.created.v1").then_some(events)
    })
    .await;
    assert!(!events.contains(&token(&made)));
}

async fn people_see_and_revoke_their_own_tokens_only(backend: Backend) {
    let kit = alone(backend).await;
    let (person, bearer) = signed_in(&kit, Person::new(Role::Member)).await;
    let made = make(&kit, PERSONAL, &bearer, &wish(&kit, &["api"])).await.expect(201);
    let path = format!("{PERSONAL}/{}", made.value()["id"].as_str().unwrap());
    let (_, colleague) = signed_in(&kit, Person::of(person.tenant, Role::Owner)).await;
    let (_, stranger) = signed_in(&kit, Person::new(Role::Owner)).await;
    for other in [&colleague, &stranger] {
        assert!(list(&kit, PERSONAL, other).await.is_empty());
        assert_eq!(kit.delete(&path).bearer(other).send().await.expect(404).code(), "not-found");
        // Nor by calling it a program's.
        let as_service = path.replace("personal", "service");
        let _ = kit.delete(&as_service).bearer(other).send().await.expect(404);
    }
    assert_eq!(introspect(&kit, &token(&made)).await["active"], true);
    let _ = kit.delete(&path).bearer(&bearer).send().await.expect(204);
    let _ = kit.delete(&path).bearer(&bearer).send().await.expect(404);
    assert_eq!(introspect(&kit, &token(&made)).await, json!({"active": false}));
    assert!(list(&kit, PERSONAL, &bearer).await.is_empty());
    eventually("its end is announced", async || announced(&kit).await.contains("api-token.revoked.v1").then_some(()))
        .await;
    for id in ["0", "%00", "'%20OR%201=1"] {
        let _ = kit.delete(&format!("{PERSONAL}/{id}")).bearer(&bearer).send().await.expect(404);
    }
}

async fn what_is_no_token_request_is_refused_by_name(backend: Backend) {
    let kit = alone(backend).await;
    let (_, bearer) = signed_in(&kit, Person::new(Role::Admin)).await;
    let year = Duration::from_hours(366 * 24);
    let with = |name: &str, value: Value| {
        let mut body = wish(&kit, &["api"]);
        body[name] = value;
        body
    };
    for wrong in [
        with("scopes", json!([])),
        with("scopes", json!([""])),
        with("scopes", json!(["openid"])),
        with("scopes", json!(["api content-management"])),
        with("scopes", json!(vec!["api"; 21])),
        with("name", json!("")),
        with("name", json!("x".repeat(65))),
        with("expires_at", json!(kit.now())),
        with("expires_at", json!(kit.now().plus(year + Duration::from_secs(1)))),
        with("expires_at", Value::Null),
        with("roles", json!(["owner"])),
        with("user_id", json!("x")),
    ] {
        let refused = make(&kit, PERSONAL, &bearer, &wrong).await.expect(422);
        assert_eq!(refused.code(), "validation-failed", "{wrong}");
    }
    assert_eq!(make(&kit, PERSONAL, "", &wish(&kit, &["api"])).await.expect(401).code(), "invalid-token");
    assert!(list(&kit, PERSONAL, &bearer).await.is_empty());
}

async fn tokens_make_no_tokens(backend: Backend) {
    let kit = alone(backend).await;
    let (person, bearer) = signed_in(&kit, Person::new(Role::Owner)).await;
    let personal = token(&make(&kit, PERSONAL, &bearer, &wish(&kit, &["api"])).await.expect(201));
    let service = token(&make(&kit, SERVICE, &bearer, &program(&kit, &["owner"])).await.expect(201));
    let (_, granted) = issue_to(&kit, "printer", "api", None).await;
    for other in [personal.as_str(), &service, granted.access_token.expose()] {
        let refused = make(&kit, PERSONAL, other, &wish(&kit, &["api"])).await.expect(403);
        assert_eq!(refused.code(), "session-needed");
    }
    assert_eq!(make(&kit, SERVICE, &service, &program(&kit, &["member"])).await.expect(403).code(), "session-needed");
    // Nor does a session that has ended, in the minutes that its access token looks good.
    let _ = revoke(&kit, "session-mgr", &person).await.expect(204);
    let refused = make(&kit, PERSONAL, &bearer, &wish(&kit, &["api"])).await.expect(403);
    assert_eq!(refused.code(), "session-needed");
}

async fn a_token_ends_when_it_says(backend: Backend) {
    let kit = alone(backend).await;
    let (_, bearer) = signed_in(&kit, Person::new(Role::Member)).await;
    let personal = token(&make(&kit, PERSONAL, &bearer, &wish(&kit, &["api"])).await.expect(201));
    kit.clock.advance(Duration::from_hours(24) - Duration::from_secs(1));
    let _ = kit.get(PERSONAL).bearer(&personal).send().await.expect(200);
    kit.clock.advance(Duration::from_secs(1));
    assert_eq!(kit.get(PERSONAL).bearer(&personal).send().await.expect(401).code(), "expired-token");
    assert_eq!(introspect(&kit, &personal).await, json!({"active": false}));
    kit.context("token-mgr").wake("forget-expired");
    let rows = async || {
        use nexus_kernel::store::{Query, Scope};
        let store = &kit.context("token-mgr").store;
        store.read(Scope::System).rows("SELECT id FROM api_tokens", Vec::new()).await.unwrap().len()
    };
    eventually("it is forgotten", async || (rows().await == 0).then_some(())).await;
}

async fn its_use_is_noted_once_a_minute(backend: Backend) {
    let kit = alone(backend).await;
    let (_, bearer) = signed_in(&kit, Person::new(Role::Member)).await;
    let personal = token(&make(&kit, PERSONAL, &bearer, &wish(&kit, &["api"])).await.expect(201));
    assert!(list(&kit, PERSONAL, &bearer).await[0].get("last_used_at").is_none());
    let used_at = async || list(&kit, PERSONAL, &bearer).await[0]["last_used_at"].clone();
    let first = kit.now();
    let _ = introspect(&kit, &personal).await;
    kit.clock.advance(Duration::from_secs(59));
    let _ = introspect(&kit, &personal).await;
    assert_eq!(used_at().await, json!(first));
    kit.clock.advance(Duration::from_secs(1));
    let _ = introspect(&kit, &personal).await;
    assert_eq!(used_at().await, json!(kit.now()));
}

async fn programs_get_no_more_than_their_maker_has(backend: Backend) {
    let kit = alone(backend).await;
    let (admin, bearer) = signed_in(&kit, Person::new(Role::Admin)).await;
    let (_, editor) = signed_in(&kit, Person::of(admin.tenant, Role::Editor)).await;
    let refused = make(&kit, SERVICE, &bearer, &program(&kit, &["member", "owner"])).await.expect(403);
    assert_eq!(refused.code(), "role-above-own");
    for no_roles in [json!([]), json!(["root"]), Value::Null] {
        let mut body = program(&kit, &[]);
        body["roles"] = no_roles;
        let _ = make(&kit, SERVICE, &bearer, &body).await.expect(422);
    }
    assert_eq!(make(&kit, SERVICE, &editor, &program(&kit, &["member"])).await.expect(403).code(), "forbidden");
    assert_eq!(kit.get(SERVICE).bearer(&editor).send().await.expect(403).code(), "forbidden");

    let made = make(&kit, SERVICE, &bearer, &program(&kit, &["editor"])).await.expect(201);
    let said = introspect(&kit, &token(&made)).await;
    assert_eq!((&said["token_use"], &said["roles"]), (&json!("service_token"), &json!(["editor"])));
    // A program is somebody of its own.
    assert_ne!(said["sub"], json!(admin.user));
    assert!(list(&kit, PERSONAL, &bearer).await.is_empty());
    let (_, other_admin) = signed_in(&kit, Person::of(admin.tenant, Role::Admin)).await;
    assert_eq!(list(&kit, SERVICE, &other_admin).await.len(), 1);
    let (_, stranger) = signed_in(&kit, Person::new(Role::Owner)).await;
    assert!(list(&kit, SERVICE, &stranger).await.is_empty());
    let path = format!("{SERVICE}/{}", made.value()["id"].as_str().unwrap());
    for other in [&editor, &stranger] {
        let _ = kit.delete(&path).bearer(other).send().await.expect(404);
    }
    let _ = kit.delete(&path).bearer(&other_admin).send().await.expect(204);
    assert_eq!(introspect(&kit, &token(&made)).await, json!({"active": false}));
}

async fn changed(kit: &Testkit, service: &str, person: &Person, roles: Value, state: &str) -> Reply {
    let path = format!("/internal/accounts/{}/changed", person.user);
    let body = json!({"tenant": person.tenant, "changed_at": kit.now(), "roles": roles, "state": state});
    ask(kit, service, &path, body).await
}

async fn personal_tokens_follow_their_account(backend: Backend) {
    let kit = alone(backend).await;
    let (person, bearer) = signed_in(&kit, Person::new(Role::Admin)).await;
    let personal = token(&make(&kit, PERSONAL, &bearer, &wish(&kit, &["api"])).await.expect(201));
    let service = token(&make(&kit, SERVICE, &bearer, &program(&kit, &["admin"])).await.expect(201));
    let before = kit.now();
    kit.clock.advance(Duration::from_secs(1));
    for other in ["user-auth", "auth-service"] {
        let _ = changed(&kit, other, &person, json!([]), "deactivated").await.expect(403);
    }
    // Somebody elsewhere with the same id is somebody else.
    let elsewhere = Person { tenant: Person::new(Role::Member).tenant, ..person.clone() };
    let _ = changed(&kit, "session-mgr", &elsewhere, json!([]), "deactivated").await.expect(204);

    let _ = changed(&kit, "session-mgr", &person, json!(["member"]), "active").await.expect(204);
    assert_eq!(introspect(&kit, &personal).await["roles"], json!(["member"]));
    // Whoever was signed in with the old roles makes no more tokens, though session-mgr has ended no session yet.
    assert_eq!(make(&kit, PERSONAL, &bearer, &wish(&kit, &["api"])).await.expect(403).code(), "session-needed");
    // News from before come late and say nothing.
    let path = format!("/internal/accounts/{}/changed", person.user);
    let late = json!({"tenant": person.tenant, "changed_at": before, "roles": ["owner"], "state": "active"});
    let _ = ask(&kit, "session-mgr", &path, late).await.expect(204);
    assert_eq!(introspect(&kit, &personal).await["roles"], json!(["member"]));

    let _ = changed(&kit, "session-mgr", &person, json!(["member"]), "deactivated").await.expect(204);
    assert_eq!(introspect(&kit, &personal).await, json!({"active": false}));
    let _ = changed(&kit, "session-mgr", &person, json!(["owner"]), "active").await.expect(204);
    assert_eq!(introspect(&kit, &personal).await, json!({"active": false}), "gone is gone");
    assert_eq!(introspect(&kit, &service).await["roles"], json!(["admin"]), "a program's is the organisation's");
}

async fn a_person_has_only_so_many(backend: Backend) {
    let kit = alone(backend).await;
    let (person, bearer) = signed_in(&kit, Person::new(Role::Member)).await;
    let mut last = String::new();
    for _ in 0..50 {
        let made = make(&kit, PERSONAL, &bearer, &wish(&kit, &["api"])).await.expect(201).value();
        last = format!("{PERSONAL}/{}", made["id"].as_str().unwrap());
    }
    let refused = make(&kit, PERSONAL, &bearer, &wish(&kit, &["api"])).await.expect(409);
    assert_eq!(refused.code(), "too-many-tokens");
    let (_, colleague) = signed_in(&kit, Person::of(person.tenant, Role::Member)).await;
    let _ = make(&kit, PERSONAL, &colleague, &wish(&kit, &["api"])).await.expect(201);
    let _ = kit.delete(&last).bearer(&bearer).send().await.expect(204);
    let _ = make(&kit, PERSONAL, &bearer, &wish(&kit, &["api"])).await.expect(201);
    assert_eq!(list(&kit, "/api/tokens/personal?limit=7", &bearer).await.len(), 7);
}

async fn a_repeat_does_not_show_a_token_again(backend: Backend) {
    let kit = alone(backend).await;
    let (_, bearer) = signed_in(&kit, Person::new(Role::Member)).await;
    let body = wish(&kit, &["api"]);
    let ask = || kit.post(PERSONAL).bearer(&bearer).header("idempotency-key", "once").json(&body).send();
    let _ = ask().await.expect(201);
    let repeat = ask().await.expect(409);
    assert_eq!((repeat.code(), repeat.header("idempotency-replayed")), ("reply-not-kept".into(), "true".into()));
    assert!(!repeat.text().contains("nxp_"));
    assert_eq!(list(&kit, PERSONAL, &bearer).await.len(), 1);
}
