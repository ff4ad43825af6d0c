use std::time::Duration;

use nexus_kernel::Role;
use nexus_testkit::{Backend, Person, Testkit, eventually};
use serde_json::{Value, json};

use crate::on_each_database;
use crate::support::{alone, base64, data, decrypt, encrypt, get, post, with_key};

on_each_database!(
    every_use_is_in_the_log_and_no_value_is,
    what_was_not_allowed_is_in_the_log,
    the_log_has_pages_and_is_its_organisations,
    uses_that_come_together_are_all_in_the_log,
    old_lines_are_forgotten,
);

async fn lines(kit: &Testkit, who: &Person, query: &str) -> Vec<Value> {
    let reply = kit.get(&format!("/api/keys/audit{query}")).bearer(kit.token(who)).send().await.expect(200);
    reply.value()["items"].as_array().unwrap().clone()
}

fn actions(lines: &[Value]) -> Vec<(&str, &str)> {
    lines.iter().map(|line| (line["action"].as_str().unwrap(), line["outcome"].as_str().unwrap())).collect()
}

async fn every_use_is_in_the_log_and_no_value_is(backend: Backend) {
    let kit = alone(backend).await;
    let editor = with_key(&kit, "orders", Value::Null).await;
    let admin = Person::of(editor.tenant, Role::Admin);
    // The log sorts by the millisecond.
    let later = || kit.clock.advance(Duration::from_millis(2));
    later();
    let sealed = encrypt(&kit, &editor, "orders", "correct horse").await;
    later();
    let _ = decrypt(&kit, &editor, "orders", &sealed).await;
    later();
    let _ = decrypt(&kit, &editor, "orders", "vault:v1:AAAA").await;
    later();
    let inputs = json!({"batch_input": [{"plaintext": ""}, {"plaintext": ""}, {"plaintext": ""}]});
    data(&post(&kit, &editor, "transit/encrypt/orders", inputs).await);
    let seen = lines(&kit, &admin, "?target=transit/orders").await;
    let expected =
        [("encrypt", "done"), ("decrypt", "failed"), ("decrypt", "done"), ("encrypt", "done"), ("create-key", "done")];
    assert_eq!(actions(&seen), expected);
    assert_eq!((&seen[0]["number"], &seen[0]["version"], &seen[0]["by"]), (&json!(3), &json!(1), &json!(editor.user)));
    later();
    data(&post(&kit, &admin, "secret/data/db", json!({"data": {"password": "battery staple"}})).await);
    later();
    data(&get(&kit, &admin, "secret/data/db").await);
    let all = lines(&kit, &admin, "").await;
    assert_eq!(actions(&all)[..2], [("read-secret", "done"), ("write-secret", "done")]);
    let all = Value::from(all).to_string();
    assert!(!all.contains("battery") && !all.contains(&base64("correct horse")) && !all.contains(&sealed), "{all}");
}

async fn what_was_not_allowed_is_in_the_log(backend: Backend) {
    let kit = alone(backend).await;
    let owner = Person::new(Role::Owner);
    let member = Person::of(owner.tenant, Role::Member);
    let _ = get(&kit, &member, "secret/data/db").await.expect(403);
    kit.clock.advance(Duration::from_millis(2));
    let _ = kit.get("/api/keys/audit").bearer(kit.token(&member)).send().await.expect(403);
    let seen = lines(&kit, &owner, "").await;
    assert_eq!(actions(&seen), [("read-audit", "denied"), ("read-secret", "denied")]);
    assert_eq!((&seen[1]["target"], &seen[1]["by"]), (&json!("secret/db"), &json!(member.user)));
}

async fn the_log_has_pages_and_is_its_organisations(backend: Backend) {
    let kit = alone(backend).await;
    let editor = with_key(&kit, "orders", Value::Null).await;
    let admin = Person::of(editor.tenant, Role::Admin);
    for n in 0..6 {
        kit.clock.advance(Duration::from_millis(2));
        encrypt(&kit, &editor, "orders", &n.to_string()).await;
    }
    let mut path = "/api/keys/audit?limit=3".to_owned();
    let mut seen = Vec::new();
    loop {
        let page = kit.get(&path).bearer(kit.token(&admin)).send().await.expect(200).value();
        seen.extend(page["items"].as_array().unwrap().clone());
        match page["next_cursor"].as_str() {
            Some(cursor) => path = format!("/api/keys/audit?limit=3&cursor={cursor}"),
            None => break,
        }
    }
    assert_eq!(seen.len(), 7);
    assert!(lines(&kit, &Person::new(Role::Owner), "").await.is_empty());
}

async fn uses_that_come_together_are_all_in_the_log(backend: Backend) {
    let kit = alone(backend).await;
    let editor = with_key(&kit, "orders", Value::Null).await;
    let uses = (0..60).map(|n| {
        let (kit, editor) = (&kit, &editor);
        async move { encrypt(kit, editor, "orders", &n.to_string()).await }
    });
    assert_eq!(futures::future::join_all(uses).await.len(), 60);
    let admin = Person::of(editor.tenant, Role::Admin);
    assert_eq!(lines(&kit, &admin, "?limit=200").await.len(), 61);
}

async fn old_lines_are_forgotten(backend: Backend) {
    let kit = Testkit::start_with(backend, vec![key_service::service()], |config| config.keys.audit_days = 10).await;
    let editor = with_key(&kit, "orders", Value::Null).await;
    let admin = Person::of(editor.tenant, Role::Admin);
    kit.clock.advance(Duration::from_hours(24 * 10 + 1));
    encrypt(&kit, &editor, "orders", "x").await;
    eventually("the old line is forgotten", async || {
        kit.context("key-service").wake("forget-old-lines");
        (actions(&lines(&kit, &admin, "").await) == [("encrypt", "done")]).then_some(())
    })
    .await;
}
