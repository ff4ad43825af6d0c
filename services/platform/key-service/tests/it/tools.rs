use nexus_kernel::Role;
use nexus_testkit::{Backend, Person};
use serde_json::{Value, json};

use crate::on_each_database;
use crate::support::{alone, ask, base64, data, errors, get, post, with_key};

on_each_database!(
    random_bytes_are_as_many_as_asked_for,
    hashes_are_those_of_the_standard,
    a_client_finds_its_way,
    a_client_learns_what_it_may_do,
);

async fn random_bytes_are_as_many_as_asked_for(backend: Backend) {
    let kit = alone(backend).await;
    let person = Person::new(Role::Member);
    let length = async |path: &str, body: Value| {
        data(&post(&kit, &person, path, body).await)["random_bytes"].as_str().unwrap().len()
    };
    assert_eq!(length("transit/random", Value::Null).await, 44);
    assert_eq!(length("transit/random/16", json!({"format": "hex"})).await, 32);
    assert_eq!(length("sys/tools/random", json!({"bytes": "8", "format": "hex"})).await, 16);
    assert!(errors(&post(&kit, &person, "transit/random", json!({"bytes": 0})).await, 400).contains("bytes"));
    assert!(errors(&post(&kit, &person, "transit/random/999999999", Value::Null).await, 400).contains("bytes"));
}

async fn hashes_are_those_of_the_standard(backend: Backend) {
    let kit = alone(backend).await;
    let person = Person::new(Role::Member);
    // FIPS 180-4, the example "abc".
    let sum = data(&post(&kit, &person, "transit/hash", json!({"input": base64("abc")})).await)["sum"].clone();
    assert_eq!(sum, "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
    let sum = data(&post(&kit, &person, "transit/hash/sha2-224", json!({"input": base64("abc")})).await)["sum"].clone();
    assert_eq!(sum, "23097d223405d8228642a477bda255b32aadbce4bda0b3f7e36c9da7");
    let _ = post(&kit, &person, "transit/hash/sha3-256", json!({"input": ""})).await.expect(400);
}

async fn a_client_finds_its_way(backend: Backend) {
    let kit = alone(backend).await;
    let person = Person::new(Role::Member);
    let mounts = get(&kit, &person, "sys/mounts").await.expect(200).value();
    assert_eq!(
        (&mounts["secret/"]["options"]["version"], &mounts["data"]["transit/"]["type"]),
        (&json!("2"), &json!("transit"))
    );
    let mount = data(&get(&kit, &person, "sys/internal/ui/mounts/secret/any/path").await);
    assert_eq!((&mount["path"], &mount["type"]), (&json!("secret/"), &json!("kv")));
    let _ = get(&kit, &person, "sys/internal/ui/mounts/nowhere").await.expect(403);
    let own = data(&get(&kit, &person, "auth/token/lookup-self").await);
    assert_eq!((&own["entity_id"], &own["policies"]), (&json!(person.user), &json!(["member"])));
    assert!(own["ttl"].as_u64().unwrap() <= 300 && own["id"] == "");
    for path in ["sys/health", "sys/seal-status", "sys/init"] {
        let status = kit.get(&format!("/api/keys/v1/{path}")).send().await.expect(200).value();
        assert_eq!(status["initialized"], true, "{path}");
    }
}

async fn a_client_learns_what_it_may_do(backend: Backend) {
    let kit = alone(backend).await;
    let editor = with_key(&kit, "desk", json!({"usable_by": "editor"})).await;
    let member = Person::of(editor.tenant, Role::Member);
    let paths =
        json!({"paths": ["transit/encrypt/desk", "transit/keys", "secret/data/shared/a", "secret/data/x", "sys/seal"]});
    let may = data(&post(&kit, &member, "sys/capabilities-self", paths.clone()).await);
    assert_eq!(may["transit/encrypt/desk"], json!(["deny"]));
    assert_eq!((&may["transit/keys"], &may["secret/data/shared/a"]), (&json!(["list"]), &json!(["read"])));
    assert_eq!((&may["secret/data/x"], &may["sys/seal"]), (&json!(["deny"]), &json!(["deny"])));
    let may = data(&ask(&kit, &editor, "POST", "sys/capabilities-self", paths).await);
    assert_eq!(may["transit/encrypt/desk"], json!(["update"]));
    assert_eq!(may["secret/data/shared/a"], json!(["create", "read", "update", "patch", "delete"]));
}
