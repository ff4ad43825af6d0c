//! What is kept of sign-ins, and who may look.

use std::time::Duration;

use nexus_kernel::store::{Query, Scalar, Scope};
use nexus_testkit::{Backend, Testkit};
use serde_json::{Value, json};

use crate::on_each_database;
use crate::support::{
    App, GRACE, HOME, OWNER, PASSWORD, SignedIn, attempt, challenge, claims, member, ready, ready_for_codes, send_code,
    sign_in, try_from_address,
};

on_each_database!(
    every_step_is_kept_newest_first,
    filters_and_pages_cover_the_list,
    people_see_their_own_and_admins_all,
    an_attempt_on_nobodys_account_is_kept_for_nobody_to_see,
    the_list_can_be_had_as_a_file,
    what_is_no_filter_is_refused_by_name,
    rows_are_forgotten_after_their_time,
    of_somebody_who_is_erased_it_stays_what_was_done,
);

async fn list(kit: &Testkit, who: &SignedIn, query: &str) -> Vec<Value> {
    let path = format!("/api/auth/audit?limit=200&{query}");
    let reply = kit.get(&path).bearer(&who.access).send().await.expect(200);
    reply.value()["items"].as_array().unwrap().clone()
}

/// What happened, in a few words.
fn story(events: &[Value]) -> Vec<String> {
    let words = |event: &Value| {
        let text = |field: &str| event[field].as_str().unwrap_or("-").to_owned();
        format!("{} {} {}", text("action"), text("outcome"), text("method"))
    };
    events.iter().map(words).collect()
}

async fn every_step_is_kept_newest_first(backend: Backend) {
    let kit = ready_for_codes(backend).await;
    let _ = attempt(&kit, OWNER, "wrong password").await.expect(401);
    kit.clock.advance(Duration::from_millis(5));
    let owner = sign_in(&kit, OWNER).await;
    kit.clock.advance(Duration::from_millis(5));
    let app = App::of(&kit, &owner).await;
    kit.clock.advance(Duration::from_millis(5));
    let between = challenge(&kit, OWNER).await;
    kit.clock.advance(Duration::from_millis(5));
    let _ = send_code(&kit, &between, &app.code(&kit)).await.expect(403);
    let second = SignedIn::of(&send_code(&kit, &between, &app.next_code(&kit)).await.expect(200).value());
    kit.clock.advance(Duration::from_millis(5));
    let body = json!({"code": app.recovery[0]});
    let _ = kit.post("/api/auth/step-up").bearer(&second.access).json(body).send().await.expect(200);
    kit.clock.advance(Duration::from_millis(5));
    let _ = kit.post("/api/auth/factors/recovery-codes").bearer(&second.access).send().await.expect(200);
    kit.clock.advance(Duration::from_millis(5));
    let _ = kit.delete("/api/auth/factors/authenticator").bearer(&second.access).send().await.expect(204);
    kit.clock.advance(Duration::from_millis(5));
    let _ = kit.post("/api/auth/logout").bearer(&second.access).send().await.expect(204);
    let events = list(&kit, &owner, "").await;
    assert_eq!(
        story(&events),
        [
            "sign-out succeeded -",
            "remove-authenticator succeeded -",
            "renew-recovery-codes succeeded -",
            "step-up succeeded recovery-code",
            "sign-in succeeded authenticator",
            "sign-in failed authenticator",
            "sign-in second-factor-needed password",
            "add-authenticator succeeded authenticator",
            "sign-in succeeded password",
            "sign-in failed password",
        ]
    );
    let failed = &events[9];
    assert_eq!((&failed["address"], &failed["device"]), (&json!(HOME), &json!("Firefox on Linux")));
    assert_eq!((&failed["session_id"], &failed["user_id"]), (&Value::Null, &claims(&owner.access)["sub"]));
    assert_eq!(events[8]["session_id"], claims(&owner.access)["sid"]);
    assert_eq!(events[0]["session_id"], claims(&second.access)["sid"]);
    assert!(!events.iter().any(|event| event.to_string().contains(PASSWORD)));
}

async fn filters_and_pages_cover_the_list(backend: Backend) {
    let kit = ready(backend).await;
    member(&kit, GRACE).await;
    for _ in 0..3 {
        kit.clock.advance(Duration::from_secs(1));
        let _ = attempt(&kit, OWNER, "wrong password").await.expect(401);
        let _ = try_from_address(&kit, "198.51.100.9", GRACE, PASSWORD).await.expect(200);
    }
    let middle = kit.now();
    kit.clock.advance(Duration::from_secs(1));
    let owner = sign_in(&kit, OWNER).await;
    let all = list(&kit, &owner, "").await;
    let me = claims(&owner.access)["sub"].as_str().unwrap().to_owned();
    assert_eq!(list(&kit, &owner, "outcome=failed").await.len(), 3);
    assert_eq!(list(&kit, &owner, "address=198.51.100.9").await.len(), 3);
    assert_eq!(list(&kit, &owner, &format!("user={me}&outcome=failed")).await.len(), 3);
    assert_eq!(list(&kit, &owner, "action=sign-out").await.len(), 0);
    assert_eq!(list(&kit, &owner, &format!("from={middle}")).await.len(), 3);
    let (since, before) = (format!("from={middle}"), format!("to={middle}"));
    assert_eq!(list(&kit, &owner, &since).await.len() + list(&kit, &owner, &before).await.len(), all.len());
    let mut seen = Vec::new();
    let mut cursor = String::new();
    loop {
        let page = kit.get(&format!("/api/auth/audit?limit=2{cursor}")).bearer(&owner.access).send().await.expect(200);
        let page = page.value();
        seen.extend(page["items"].as_array().unwrap().clone());
        match page["next_cursor"].as_str() {
            Some(next) => cursor = format!("&cursor={next}"),
            None => break,
        }
    }
    assert_eq!(seen, all);
}

async fn people_see_their_own_and_admins_all(backend: Backend) {
    let kit = ready(backend).await;
    member(&kit, GRACE).await;
    let (owner, grace) = (sign_in(&kit, OWNER).await, sign_in(&kit, GRACE).await);
    let id = |who: &SignedIn| claims(&who.access)["sub"].as_str().unwrap().to_owned();
    assert_eq!(list(&kit, &grace, &format!("user={}", id(&grace))).await.len(), 1);
    for query in [String::new(), format!("?user={}", id(&owner)), "?outcome=failed".to_owned()] {
        for path in ["/api/auth/audit", "/api/auth/audit/export"] {
            let refused = kit.get(&format!("{path}{query}")).bearer(&grace.access).send().await.expect(403);
            assert_eq!(refused.code(), "forbidden");
        }
    }
    assert_eq!(list(&kit, &owner, &format!("user={}", id(&grace))).await.len(), 1);
    let _ = kit.get("/api/auth/audit").send().await.expect(401);
}

async fn an_attempt_on_nobodys_account_is_kept_for_nobody_to_see(backend: Backend) {
    let kit = ready(backend).await;
    let _ = attempt(&kit, "nobody@example.com", "wrong password").await.expect(401);
    let owner = sign_in(&kit, OWNER).await;
    assert_eq!(story(&list(&kit, &owner, "").await), ["sign-in succeeded password"]);
    let sql = "SELECT COUNT(*) AS events FROM sign_in_events WHERE tenant_id IS NULL";
    let mut read = kit.context("auth-service").store.read(Scope::System);
    let Scalar(count): Scalar<i64> = read.query_one(sql, Vec::new()).await.unwrap();
    assert_eq!(count, 1);
}

async fn the_list_can_be_had_as_a_file(backend: Backend) {
    let kit = ready(backend).await;
    let _ = attempt(&kit, OWNER, "wrong password").await.expect(401);
    kit.clock.advance(Duration::from_millis(5));
    let owner = sign_in(&kit, OWNER).await;
    let all = list(&kit, &owner, "").await;
    let file = kit.get("/api/auth/audit/export").bearer(&owner.access).send().await.expect(200);
    assert!(file.header("content-type").starts_with("text/csv") && file.header("cache-control") == "no-store");
    assert!(file.header("content-disposition").contains("sign-ins.csv"));
    let text = file.text();
    let lines: Vec<&str> = text.lines().collect();
    assert_eq!(lines[0], "id,happened_at,user_id,action,outcome,method,device,address,session_id");
    assert_eq!(lines.len(), 1 + all.len());
    assert!(lines[1].starts_with(all[0]["id"].as_str().unwrap()), "{text}");
    assert!(lines[2].contains(&format!("sign-in,failed,password,Firefox on Linux,{HOME},")), "{text}");
    let path = "/api/auth/audit/export?format=ndjson&outcome=failed";
    let file = kit.get(path).bearer(&owner.access).send().await.expect(200);
    assert_eq!(file.header("content-type"), "application/x-ndjson");
    let lines: Vec<Value> = file.text().lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(lines, [all[1].clone()]);
    // More than is read at once.
    let mut tx = kit.context("auth-service").store.begin(Scope::System).await.unwrap();
    let copy = "INSERT INTO sign_in_events
                    (id, tenant_id, user_id, action, outcome, method, device, address, session_id, happened_at)
                SELECT $1, tenant_id, user_id, action, outcome, method, device, address, session_id, happened_at
                FROM sign_in_events WHERE id = $2";
    for number in 0..2_100 {
        let id = format!("0199b3a2-7c1e-7d40-8a51-{number:012}");
        let params = vec![id.into(), all[0]["id"].as_str().unwrap().into()];
        tx.execute(copy, params).await.unwrap();
    }
    tx.commit().await.unwrap();
    let file = kit.get("/api/auth/audit/export").bearer(&owner.access).send().await.expect(200).text();
    let ids: std::collections::BTreeSet<&str> = file.lines().skip(1).map(|line| &line[..36]).collect();
    assert_eq!((file.lines().count(), ids.len()), (2_103, 2_102));
}

async fn what_is_no_filter_is_refused_by_name(backend: Backend) {
    let kit = ready(backend).await;
    let owner = sign_in(&kit, OWNER).await;
    let long = format!("address={}", "1".repeat(65));
    for query in ["user=me", "action=everything", "outcome=1", "from=yesterday", "to=2026-02-30", &long] {
        for path in ["/api/auth/audit", "/api/auth/audit/export"] {
            let refused = kit.get(&format!("{path}?{query}")).bearer(&owner.access).send().await.expect(400);
            assert_eq!(refused.code(), "invalid-filter", "{query}");
        }
    }
    let refused = kit.get("/api/auth/audit/export?format=xml").bearer(&owner.access).send().await.expect(400);
    assert_eq!(refused.code(), "invalid-filter");
    let refused = kit.get("/api/auth/audit?limit=1000").bearer(&owner.access).send().await.expect(400);
    assert_eq!(refused.code(), "invalid-page");
    assert!(list(&kit, &owner, "address=%27%20OR%201=1").await.is_empty());
}

async fn rows_are_forgotten_after_their_time(backend: Backend) {
    let kit = ready(backend).await;
    let _ = sign_in(&kit, OWNER).await;
    kit.clock.advance(Duration::from_hours(365 * 24) + Duration::from_mins(1));
    let kit = kit.restart(crate::support::services()).await;
    let owner = sign_in(&kit, OWNER).await;
    nexus_testkit::eventually("the old one is forgotten", async || {
        (list(&kit, &owner, "").await.len() == 1).then_some(())
    })
    .await;
}

async fn of_somebody_who_is_erased_it_stays_what_was_done(backend: Backend) {
    let kit = ready_for_codes(backend).await;
    member(&kit, GRACE).await;
    let grace = sign_in(&kit, GRACE).await;
    let _app = App::of(&kit, &grace).await;
    kit.clock.advance(Duration::from_millis(5));
    let _ = challenge(&kit, GRACE).await;
    let owner = sign_in(&kit, OWNER).await;
    let id = claims(&grace.access)["sub"].as_str().unwrap().to_owned();
    let before = list(&kit, &owner, &format!("user={id}")).await;
    assert_eq!((before.len(), &before[0]["address"]), (3, &json!(HOME)));
    let _ = kit.delete(&format!("/api/users/{id}")).bearer(&owner.access).send().await.expect(204);
    let after = nexus_testkit::eventually("what names a place is forgotten", async || {
        let after = list(&kit, &owner, &format!("user={id}")).await;
        (after[0]["address"] == "").then_some(after)
    })
    .await;
    assert_eq!(story(&after), story(&before));
    assert!(after.iter().all(|event| event["address"] == "" && event["device"] == ""), "{after:?}");
    for table in ["authenticators", "recovery_codes", "challenges", "known_devices", "notices"] {
        let sql = format!("SELECT COUNT(*) AS kept FROM {table} WHERE user_id = $1");
        let mut read = kit.context("auth-service").store.read(Scope::System);
        let Scalar(kept): Scalar<i64> = read.query_one(&sql, vec![id.as_str().into()]).await.unwrap();
        assert_eq!(kept, 0, "{table}");
    }
    // Everybody else's stay.
    assert!(list(&kit, &owner, "").await.iter().any(|event| event["address"] == HOME));
}
