use nexus_testkit::Backend;
use serde_json::json;

use crate::on_each_database;
use crate::support::{OWNER, PASSWORD, attempt, ready, sign_in};

on_each_database!(
    what_is_no_sign_in_is_refused_by_name,
    what_is_no_password_of_ours_is_just_wrong,
    headers_that_lie_do_no_harm,
    a_token_that_was_touched_signs_nobody_out,
);

async fn what_is_no_sign_in_is_refused_by_name(backend: Backend) {
    let kit = ready(backend).await;
    let good = json!({"email": OWNER, "password": PASSWORD});
    for (field, value) in [
        ("email", json!(null)),
        ("email", json!([OWNER])),
        ("email", json!({"$ne": ""})),
        ("email", json!("owner")),
        ("email", json!(format!("{}@example.com", "a".repeat(300)))),
        ("password", json!(null)),
        ("password", json!("")),
        ("password", json!("x".repeat(129))),
        ("password", json!(true)),
        ("refresh_token", json!("nowhere")),
        ("remember_me", json!(true)),
    ] {
        let mut body = good.clone();
        body[field] = value.clone();
        let refused = kit.post("/api/auth/login").json(body).send().await.expect(422);
        assert_eq!(refused.code(), "validation-failed", "{field}: {value}");
        assert!(!refused.text().contains(PASSWORD), "a password is never sent back: {}", refused.text());
    }
    let form = kit.post("/api/auth/login").header("content-type", "application/x-www-form-urlencoded");
    assert_eq!(form.bytes("email=a&password=b").send().await.expect(415).code(), "unsupported-media-type");
    let broken = kit.post("/api/auth/login").header("content-type", "application/json").bytes("{\"email\"");
    assert_eq!(broken.send().await.expect(400).code(), "invalid-json");
    let _ = kit.get("/api/auth/login").send().await.expect(405);
}

async fn what_is_no_password_of_ours_is_just_wrong(backend: Backend) {
    let kit = ready(backend).await;
    for password in ["' OR '1'='1", "\u{0}", "correct horse battery\u{0}", &"ä".repeat(128)] {
        assert_eq!(attempt(&kit, OWNER, password).await.expect(401).code(), "invalid-credentials");
    }
}

async fn headers_that_lie_do_no_harm(backend: Backend) {
    let kit = ready(backend).await;
    for (forwarded, agent) in
        [("", ""), ("nonsense", "<script>alert(1)</script>"), (", ,,", &"x".repeat(8_000)), ("::1", "x")]
    {
        let request = kit.post("/api/auth/login").header("x-forwarded-for", forwarded).header("user-agent", agent);
        let _ = request.json(json!({"email": OWNER, "password": PASSWORD})).send().await.expect(200);
    }
    let owner = sign_in(&kit, OWNER).await;
    let list = kit.get("/api/sessions").bearer(&owner.access).send().await.expect(200).text();
    assert!(!list.contains("script") && !list.contains("nonsense"), "{list}");
}

async fn a_token_that_was_touched_signs_nobody_out(backend: Backend) {
    let kit = ready(backend).await;
    let owner = sign_in(&kit, OWNER).await;
    let (head, signature) = owner.access.rsplit_once('.').unwrap();
    let payload = head.split('.').nth(1).unwrap();
    for token in [
        format!("{head}.{}", signature.chars().rev().collect::<String>()),
        format!("eyJhbGciOiJub25lIn0.{payload}."),
        owner.refresh.clone(),
    ] {
        assert_eq!(kit.post("/api/auth/logout").bearer(token).send().await.expect(401).code(), "invalid-token");
    }
    kit.clock.advance(std::time::Duration::from_secs(301));
    let expired = kit.post("/api/auth/logout").bearer(&owner.access).send().await.expect(401);
    assert_eq!(expired.code(), "expired-token");
}
