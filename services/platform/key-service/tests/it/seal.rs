use std::os::unix::fs::PermissionsExt;

use http::Method;
use nexus_kernel::Role;
use nexus_kernel::config::SealKind;
use nexus_kernel::params;
use nexus_kernel::store::Scope;
use nexus_testkit::{Backend, Person, Reply, Testkit, eventually};
use serde_json::{Value, json};

use crate::on_each_database;
use crate::support::{alone, ask, decrypt, encrypt, errors, get, post, text, with_key};

on_each_database!(
    a_file_that_only_its_owner_reads_opens_the_keys_after_a_restart,
    without_its_file_everything_stays_sealed,
    another_file_opens_nothing,
    a_passphrase_opens_the_keys_and_another_does_not,
    shares_open_the_keys,
    only_the_printed_token_or_an_owner_begins,
    an_owner_seals_everything,
    a_new_root_key_leaves_the_old_ones_readable,
);

async fn with_seal(backend: Backend, kind: SealKind, passphrase: &str) -> Testkit {
    Testkit::start_with(backend, vec![key_service::service()], |config| {
        config.keys.seal = kind;
        config.keys.passphrase = passphrase.into();
    })
    .await
}

async fn restarted(kit: Testkit) -> Testkit {
    kit.restart(vec![key_service::service()]).await
}

async fn status(kit: &Testkit) -> Value {
    kit.get("/api/keys/v1/sys/seal-status").send().await.expect(200).value()
}

async fn unseal(kit: &Testkit, key: &Value) -> Reply {
    kit.post("/api/keys/v1/sys/unseal").json(json!({"key": key})).send().await
}

async fn is_sealed(kit: &Testkit, who: &Person) {
    let refused = post(kit, who, "transit/encrypt/orders", json!({"plaintext": ""})).await;
    assert_eq!(errors(&refused, 503), "Vault is sealed");
    let _ = kit.get("/api/keys/v1/sys/health").send().await.expect(503);
    let _ = kit.get("/api/keys/v1/sys/health?sealedcode=200").send().await.expect(200);
    let column = kit.request_to("key-service", Method::POST, "/internal/columns/seal").from_service("token-mgr");
    assert_eq!(column.json(json!({"context": "a", "plaintext": ""})).send().await.expect(503).code(), "sealed");
}

async fn a_file_that_only_its_owner_reads_opens_the_keys_after_a_restart(backend: Backend) {
    let kit = alone(backend).await;
    let person = with_key(&kit, "orders", Value::Null).await;
    let sealed = encrypt(&kit, &person, "orders", "kept").await;
    let file = kit.folder().join("keys/master.key");
    assert_eq!(file.metadata().unwrap().permissions().mode() & 0o777, 0o600);
    let kit = restarted(kit).await;
    assert_eq!(text(&decrypt(&kit, &person, "orders", &sealed).await), "kept");
    assert_eq!((&status(&kit).await["type"], &status(&kit).await["sealed"]), (&json!("file"), &json!(false)));
}

async fn without_its_file_everything_stays_sealed(backend: Backend) {
    let kit = alone(backend).await;
    let person = with_key(&kit, "orders", Value::Null).await;
    let sealed = encrypt(&kit, &person, "orders", "kept").await;
    let file = kit.folder().join("keys/master.key");
    let key = std::fs::read(&file).unwrap();
    std::fs::remove_file(&file).unwrap();
    let kit = restarted(kit).await;
    is_sealed(&kit, &person).await;
    assert!(!file.exists(), "no other key is made in its place");
    let ready = kit.request_to("key-service", Method::GET, "/health/ready").send().await.expect(503);
    assert!(ready.text().contains("master.key"), "{}", ready.text());
    // A file that others can read is refused, until it is mended.
    std::fs::write(&file, key).unwrap();
    std::fs::set_permissions(&file, std::fs::Permissions::from_mode(0o644)).unwrap();
    kit.clock.advance(std::time::Duration::from_secs(2));
    is_sealed(&kit, &person).await;
    std::fs::set_permissions(&file, std::fs::Permissions::from_mode(0o600)).unwrap();
    kit.clock.advance(std::time::Duration::from_secs(2));
    assert_eq!(text(&decrypt(&kit, &person, "orders", &sealed).await), "kept");
}

async fn another_file_opens_nothing(backend: Backend) {
    let kit = alone(backend).await;
    let person = with_key(&kit, "orders", Value::Null).await;
    let file = kit.folder().join("keys/master.key");
    std::fs::write(&file, "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=").unwrap();
    let kit = restarted(kit).await;
    is_sealed(&kit, &person).await;
    let ready = kit.request_to("key-service", Method::GET, "/health/ready").send().await.expect(503);
    assert!(ready.text().contains("not the one"), "{}", ready.text());
}

async fn a_passphrase_opens_the_keys_and_another_does_not(backend: Backend) {
    const PASSPHRASE: &str = "correct horse battery staple";
    let kit = with_seal(backend, SealKind::Passphrase, PASSPHRASE).await;
    let person = with_key(&kit, "orders", Value::Null).await;
    let sealed = encrypt(&kit, &person, "orders", "kept").await;
    assert!(!kit.folder().join("keys").exists());
    let kit = restarted(kit).await;
    assert_eq!(text(&decrypt(&kit, &person, "orders", &sealed).await), "kept");
    // With another salt it is as another passphrase.
    let mut tx = kit.context("key-service").store.begin(Scope::System).await.unwrap();
    tx.execute("UPDATE seals SET salt = $1", params![[7_u8; 16].to_vec()]).await.unwrap();
    tx.commit().await.unwrap();
    let kit = restarted(kit).await;
    is_sealed(&kit, &person).await;
    let ready = kit.request_to("key-service", Method::GET, "/health/ready").send().await.expect(503);
    assert!(ready.text().contains("not the one"), "{}", ready.text());
    let short = with_seal(backend, SealKind::Passphrase, "short").await;
    let ready = short.request_to("key-service", Method::GET, "/health/ready").send().await.expect(503);
    assert!(ready.text().contains("keys.passphrase"), "{}", ready.text());
}

async fn shares_open_the_keys(backend: Backend) {
    let kit = with_seal(backend, SealKind::Shamir, "").await;
    let owner = Person::new(Role::Owner);
    assert_eq!(status(&kit).await["initialized"], false);
    let refused = post(&kit, &owner, "transit/keys/orders", Value::Null).await;
    assert_eq!(errors(&refused, 503), "Vault is not initialized");
    let body = json!({"secret_shares": 5, "secret_threshold": 3});
    let made = ask(&kit, &owner, "PUT", "sys/init", body.clone()).await.expect(200).value();
    let (keys, in_base64) = (made["keys"].clone(), made["keys_base64"].clone());
    assert_eq!((keys.as_array().unwrap().len(), in_base64.as_array().unwrap().len()), (5, 5));
    assert!(errors(&ask(&kit, &owner, "PUT", "sys/init", body).await, 400).contains("already initialized"));
    is_sealed(&kit, &owner).await;
    for (key, progress) in [(&keys[4], 1), (&in_base64[4], 1), (&in_base64[1], 2)] {
        let status = unseal(&kit, key).await.expect(200).value();
        assert_eq!((&status["sealed"], &status["progress"]), (&json!(true), &json!(progress)));
    }
    let reset = kit.post("/api/keys/v1/sys/unseal").json(json!({"reset": true})).send().await.expect(200).value();
    assert_eq!(reset["progress"], 0);
    let foreign = format!("07{}", "ab".repeat(32));
    let _ = unseal(&kit, &keys[0]).await;
    let _ = unseal(&kit, &keys[1]).await;
    assert!(errors(&unseal(&kit, &json!(foreign)).await, 400).contains("do not open"));
    for key in [&keys[0], &keys[2], &keys[4]] {
        let _ = unseal(&kit, key).await.expect(200);
    }
    assert_eq!(status(&kit).await["sealed"], false);
    let person = with_key(&kit, "orders", Value::Null).await;
    let sealed = encrypt(&kit, &person, "orders", "kept").await;
    let kit = restarted(kit).await;
    is_sealed(&kit, &person).await;
    let _ = kit.request_to("key-service", Method::GET, "/health/ready").send().await.expect(200);
    for key in [&keys[3], &keys[1], &keys[0]] {
        let _ = unseal(&kit, key).await.expect(200);
    }
    assert_eq!(text(&decrypt(&kit, &person, "orders", &sealed).await), "kept");
}

async fn only_the_printed_token_or_an_owner_begins(backend: Backend) {
    let kit = with_seal(backend, SealKind::Shamir, "").await;
    let _ = kit.put("/api/keys/v1/sys/init").json(json!({})).send().await.expect(401);
    let wrong = kit.put("/api/keys/v1/sys/init").header("x-nexus-init-token", "x".repeat(43)).json(json!({}));
    let _ = wrong.send().await.expect(401);
    let _ = ask(&kit, &Person::new(Role::Admin), "PUT", "sys/init", json!({})).await.expect(403);
    let owner = Person::new(Role::Owner);
    for (shares, threshold) in [(3, 4), (3, 0), (3, 1), (256, 2), (0, 0)] {
        let body = json!({"secret_shares": shares, "secret_threshold": threshold});
        let _ = ask(&kit, &owner, "PUT", "sys/init", body).await.expect(400);
    }
    let file = alone(backend).await;
    assert!(errors(&ask(&file, &owner, "PUT", "sys/init", json!({})).await, 400).contains("already"));
}

async fn an_owner_seals_everything(backend: Backend) {
    let kit = alone(backend).await;
    let editor = with_key(&kit, "orders", Value::Null).await;
    let sealed = encrypt(&kit, &editor, "orders", "kept").await;
    let _ = ask(&kit, &Person::of(editor.tenant, Role::Admin), "PUT", "sys/seal", Value::Null).await.expect(403);
    let _ = ask(&kit, &Person::of(editor.tenant, Role::Owner), "PUT", "sys/seal", Value::Null).await.expect(204);
    assert_eq!(errors(&decrypt(&kit, &editor, "orders", &sealed).await, 503), "Vault is sealed");
    is_sealed(&kit, &editor).await;
    let kit = restarted(kit).await;
    assert_eq!(text(&decrypt(&kit, &editor, "orders", &sealed).await), "kept");
}

async fn a_new_root_key_leaves_the_old_ones_readable(backend: Backend) {
    let kit = alone(backend).await;
    let editor = with_key(&kit, "orders", Value::Null).await;
    let owner = Person::of(editor.tenant, Role::Owner);
    let sealed = encrypt(&kit, &editor, "orders", "kept").await;
    let _ = ask(&kit, &editor, "PUT", "sys/rotate", Value::Null).await.expect(403);
    let _ = ask(&kit, &owner, "PUT", "sys/rotate", Value::Null).await.expect(204);
    let term = get(&kit, &owner, "sys/key-status").await.expect(200).value()["data"]["term"].clone();
    assert_eq!(term, 2);
    let _ = post(&kit, &editor, "transit/keys/orders/rotate", Value::Null).await.expect(200);
    let kit = restarted(kit).await;
    let newer = encrypt(&kit, &editor, "orders", "newer").await;
    assert_eq!(text(&decrypt(&kit, &editor, "orders", &sealed).await), "kept");
    assert_eq!(text(&decrypt(&kit, &editor, "orders", &newer).await), "newer");
    eventually("it is ready", async || {
        let reply = kit.request_to("key-service", Method::GET, "/health/ready").send().await;
        (reply.status.as_u16() == 200).then_some(())
    })
    .await;
}
