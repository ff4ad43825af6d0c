use std::time::Duration;

use nexus_kernel::Role;
use nexus_testkit::{Backend, Person, Testkit};
use serde_json::{Value, json};

use crate::on_each_database;
use crate::support::{alone, ask, data, errors, get, post};

on_each_database!(
    a_secret_has_versions,
    a_deleted_version_comes_back_and_a_destroyed_one_does_not,
    a_write_can_say_what_it_follows,
    parts_of_a_secret_are_changed,
    a_secret_says_how_many_versions_it_keeps_and_for_how_long,
    folders_are_there_as_long_as_something_is_in_them,
    everybody_has_a_place_of_their_own,
    writers_who_meet_lose_nothing,
);

fn admin() -> Person {
    Person::new(Role::Admin)
}

async fn write(kit: &Testkit, who: &Person, path: &str, value: Value) -> Value {
    data(&post(kit, who, &format!("secret/data/{path}"), json!({"data": value})).await)
}

async fn a_secret_has_versions(backend: Backend) {
    let kit = alone(backend).await;
    let admin = admin();
    let first = write(&kit, &admin, "db/main", json!({"password": "one"})).await;
    assert_eq!(
        (&first["version"], &first["deletion_time"], &first["destroyed"]),
        (&json!(1), &json!(""), &json!(false))
    );
    write(&kit, &admin, "db/main", json!({"password": "two", "more": {"deep": [1, null]}})).await;
    let newest = data(&get(&kit, &admin, "secret/data/db/main").await);
    assert_eq!(newest["data"], json!({"password": "two", "more": {"deep": [1, null]}}));
    assert_eq!(newest["metadata"]["version"], 2);
    let oldest = data(&get(&kit, &admin, "secret/data/db/main?version=1").await);
    assert_eq!(oldest["data"], json!({"password": "one"}));
    assert_eq!(errors(&get(&kit, &admin, "secret/data/db/main?version=3").await, 404), "");
    assert_eq!(errors(&get(&kit, &admin, "secret/data/db").await, 404), "");
    let known = data(&get(&kit, &admin, "secret/metadata/db/main").await);
    assert_eq!((&known["current_version"], &known["oldest_version"]), (&json!(2), &json!(1)));
    assert_eq!(known["versions"]["1"]["created_time"], first["created_time"]);
    assert!(errors(&post(&kit, &admin, "secret/data/db/main", json!({})).await, 400).contains("no data provided"));
}

async fn a_deleted_version_comes_back_and_a_destroyed_one_does_not(backend: Backend) {
    let kit = alone(backend).await;
    let admin = admin();
    write(&kit, &admin, "a", json!({"n": 1})).await;
    write(&kit, &admin, "a", json!({"n": 2})).await;
    let _ = ask(&kit, &admin, "DELETE", "secret/data/a", Value::Null).await.expect(204);
    let deleted = get(&kit, &admin, "secret/data/a").await.expect(404).value();
    assert_eq!((&deleted["data"]["data"], &deleted["data"]["metadata"]["version"]), (&Value::Null, &json!(2)));
    assert_ne!(deleted["data"]["metadata"]["deletion_time"], "");
    assert_eq!(data(&get(&kit, &admin, "secret/data/a?version=1").await)["data"]["n"], 1);
    let _ = post(&kit, &admin, "secret/delete/a", json!({"versions": [1]})).await.expect(204);
    let _ = post(&kit, &admin, "secret/undelete/a", json!({"versions": "1,2"})).await.expect(204);
    assert_eq!(data(&get(&kit, &admin, "secret/data/a").await)["data"]["n"], 2);
    let _ = post(&kit, &admin, "secret/destroy/a", json!({"versions": [2]})).await.expect(204);
    let _ = post(&kit, &admin, "secret/undelete/a", json!({"versions": [2]})).await.expect(204);
    let destroyed = get(&kit, &admin, "secret/data/a").await.expect(404).value();
    assert_eq!(destroyed["data"]["metadata"]["destroyed"], true);
    assert_eq!(data(&get(&kit, &admin, "secret/data/a?version=1").await)["data"]["n"], 1);
    let _ = post(&kit, &admin, "secret/delete/a", json!({"versions": []})).await.expect(400);
}

async fn a_write_can_say_what_it_follows(backend: Backend) {
    let kit = alone(backend).await;
    let admin = admin();
    let cas = |cas: u32| json!({"data": {"n": cas}, "options": {"cas": cas}});
    data(&post(&kit, &admin, "secret/data/a", cas(0)).await);
    assert!(errors(&post(&kit, &admin, "secret/data/a", cas(0)).await, 400).contains("did not match"));
    data(&post(&kit, &admin, "secret/data/a", cas(1)).await);
    // A refused write leaves no secret behind.
    assert!(errors(&post(&kit, &admin, "secret/data/b", cas(5)).await, 400).contains("did not match"));
    assert_eq!(errors(&get(&kit, &admin, "secret/metadata/b").await, 404), "");
    let _ = post(&kit, &admin, "secret/config", json!({"cas_required": true})).await.expect(204);
    let without = post(&kit, &admin, "secret/data/a", json!({"data": {}})).await;
    assert!(errors(&without, 400).contains("check-and-set parameter required"));
    data(&post(&kit, &admin, "secret/data/a", cas(2)).await);
    assert_eq!(data(&get(&kit, &admin, "secret/config").await)["cas_required"], true);
}

async fn parts_of_a_secret_are_changed(backend: Backend) {
    let kit = alone(backend).await;
    let admin = admin();
    write(&kit, &admin, "a", json!({"user": "ada", "password": "one"})).await;
    let patch = json!({"data": {"password": "two", "user": null}, "options": {"cas": 1}});
    assert_eq!(data(&ask(&kit, &admin, "PATCH", "secret/data/a", patch).await)["version"], 2);
    assert_eq!(data(&get(&kit, &admin, "secret/data/a").await)["data"], json!({"password": "two"}));
    let patch = json!({"data": {"password": "three"}});
    assert_eq!(errors(&ask(&kit, &admin, "PATCH", "secret/data/none", patch.clone()).await, 404), "");
    let _ = ask(&kit, &admin, "DELETE", "secret/data/a", Value::Null).await.expect(204);
    assert_eq!(errors(&ask(&kit, &admin, "PATCH", "secret/data/a", patch).await, 404), "");
}

async fn a_secret_says_how_many_versions_it_keeps_and_for_how_long(backend: Backend) {
    let kit = alone(backend).await;
    let admin = admin();
    let rules = json!({"max_versions": 2, "delete_version_after": "1h", "custom_metadata": {"team": "mail", "x": "y"}});
    let _ = post(&kit, &admin, "secret/metadata/a", rules).await.expect(204);
    for n in 1..=3 {
        write(&kit, &admin, "a", json!({"n": n})).await;
    }
    let known = data(&get(&kit, &admin, "secret/metadata/a").await);
    assert_eq!((&known["current_version"], &known["oldest_version"]), (&json!(3), &json!(2)));
    assert_eq!((&known["delete_version_after"], &known["custom_metadata"]["team"]), (&json!("1h0m0s"), &json!("mail")));
    let read = data(&get(&kit, &admin, "secret/data/a").await);
    assert_eq!(read["metadata"]["custom_metadata"], json!({"team": "mail", "x": "y"}));
    kit.clock.advance(Duration::from_hours(1));
    let _ = get(&kit, &admin, "secret/data/a").await.expect(404);
    let notes = json!({"custom_metadata": {"team": null}});
    let _ = ask(&kit, &admin, "PATCH", "secret/metadata/a", notes).await.expect(204);
    assert_eq!(data(&get(&kit, &admin, "secret/metadata/a").await)["custom_metadata"], json!({"x": "y"}));
    let _ = ask(&kit, &admin, "PUT", "secret/metadata/a", json!({"custom_metadata": {}})).await.expect(204);
    assert_eq!(data(&get(&kit, &admin, "secret/metadata/a").await)["custom_metadata"], Value::Null);
}

async fn folders_are_there_as_long_as_something_is_in_them(backend: Backend) {
    let kit = alone(backend).await;
    let admin = admin();
    for path in ["a/b/c", "a/b/d", "a/e", "f", "a/b"] {
        write(&kit, &admin, path, json!({})).await;
    }
    let list = async |path: &str| ask(&kit, &admin, "LIST", &format!("secret/metadata{path}"), Value::Null).await;
    assert_eq!(data(&list("").await)["keys"], json!(["a/", "f"]));
    assert_eq!(data(&list("/a/").await)["keys"], json!(["b", "b/", "e"]));
    assert_eq!(data(&list("/a/b").await)["keys"], json!(["c", "d"]));
    assert_eq!(data(&get(&kit, &admin, "secret/metadata/a/b?list=true").await)["keys"], json!(["c", "d"]));
    for path in ["a/b/c", "a/b/d"] {
        let _ = ask(&kit, &admin, "DELETE", &format!("secret/metadata/{path}"), Value::Null).await.expect(204);
    }
    assert_eq!(errors(&list("/a/b").await, 404), "");
    assert_eq!(data(&list("/a").await)["keys"], json!(["b", "e"]));
    assert_eq!(errors(&get(&kit, &admin, "secret/data/a/b/c").await, 404), "");
}

async fn everybody_has_a_place_of_their_own(backend: Backend) {
    let kit = alone(backend).await;
    let member = Person::new(Role::Member);
    let (editor, owner) = (Person::of(member.tenant, Role::Editor), Person::of(member.tenant, Role::Owner));
    let own = format!("users/{}/token", member.user);
    write(&kit, &member, &own, json!({"t": "mine"})).await;
    for other in [&editor, &owner] {
        let _ = get(&kit, other, &format!("secret/data/{own}")).await.expect(403);
        let _ = post(&kit, other, &format!("secret/data/{own}"), json!({"data": {}})).await.expect(403);
    }
    write(&kit, &editor, "shared/mail", json!({"t": "ours"})).await;
    assert_eq!(data(&get(&kit, &member, "secret/data/shared/mail").await)["data"]["t"], "ours");
    let _ = post(&kit, &member, "secret/data/shared/mail", json!({"data": {}})).await.expect(403);
    write(&kit, &owner, "db", json!({})).await;
    for other in [&member, &editor] {
        let _ = get(&kit, other, "secret/data/db").await.expect(403);
        let _ = ask(&kit, other, "LIST", "secret/metadata", Value::Null).await.expect(403);
    }
}

async fn writers_who_meet_lose_nothing(backend: Backend) {
    let kit = alone(backend).await;
    let admin = admin();
    let writes = (0..8).map(|n| write(&kit, &admin, "a/b", json!({"n": n})));
    let mut versions: Vec<u64> =
        futures::future::join_all(writes).await.iter().map(|reply| reply["version"].as_u64().unwrap()).collect();
    versions.sort_unstable();
    assert_eq!(versions, (1..=8).collect::<Vec<_>>());
}
