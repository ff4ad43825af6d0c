use nexus_testkit::Backend;
use serde_json::json;

use crate::on_each_database;
use crate::support::{
    GRACE, HOME, OWNER, PASSWORD, attempt, ready, refresh, register, sessions, sign_in, until_refused, verify,
};

on_each_database!(
    somebody_signs_in_and_is_known,
    a_browser_gets_its_refresh_token_in_a_cookie,
    a_wrong_password_and_an_unknown_address_look_the_same,
    only_the_right_password_learns_that_an_address_is_not_verified,
    there_is_no_default_password,
    signing_out_ends_the_session,
    signing_out_twice_is_signed_out,
);

async fn somebody_signs_in_and_is_known(backend: Backend) {
    let kit = ready(backend).await;
    let reply = attempt(&kit, " Owner@Example.COM", PASSWORD).await.expect(200);
    assert_eq!(reply.header("cache-control"), "no-store");
    assert_eq!(reply.header("set-cookie"), "");
    let tokens = reply.value();
    assert_eq!((tokens["token_type"].as_str(), tokens["expires_in"].as_u64()), (Some("Bearer"), Some(300)));

    let owner = sign_in(&kit, OWNER).await;
    let me = kit.get("/api/users/me").bearer(&owner.access).send().await.expect(200).value();
    assert_eq!((me["email"].as_str(), &me["roles"]), (Some(OWNER), &json!(["owner"])));
    let sessions = sessions(&kit, &owner).await;
    assert_eq!(sessions.len(), 2);
    assert_eq!(sessions[0]["device"], "Firefox on Linux");
    assert_eq!(sessions[0]["address"], HOME);
    assert_eq!((&sessions[0]["current"], &sessions[1]["current"]), (&json!(true), &json!(false)));
    assert_eq!(sessions[1]["id"], tokens["session_id"]);
}

async fn a_browser_gets_its_refresh_token_in_a_cookie(backend: Backend) {
    let kit = ready(backend).await;
    let reply =
        kit.post("/api/auth/login").json(json!({"email": OWNER, "password": PASSWORD})).send().await.expect(200);
    assert!(reply.value().get("refresh_token").is_none());
    let cookie = reply.header("set-cookie");
    for part in ["nexus_refresh=", "HttpOnly", "SameSite=Strict", "Path=/api/tokens", "Max-Age=2592000"] {
        assert!(cookie.contains(part), "{cookie}");
    }
    let pair = cookie.split(';').next().unwrap();
    let next = kit.post("/api/tokens/refresh").header("cookie", pair).send().await.expect(200);
    assert!(next.header("set-cookie").starts_with("nexus_refresh=") && !next.header("set-cookie").contains(pair));
}

async fn a_wrong_password_and_an_unknown_address_look_the_same(backend: Backend) {
    let kit = ready(backend).await;
    let wrong = attempt(&kit, OWNER, "wrong password").await.expect(401);
    let unknown = attempt(&kit, "nobody@example.com", "wrong password").await.expect(401);
    assert_eq!(wrong.code(), "invalid-credentials");
    assert_eq!(wrong.text(), unknown.text());
    assert_eq!(wrong.header("www-authenticate"), unknown.header("www-authenticate"));
}

async fn only_the_right_password_learns_that_an_address_is_not_verified(backend: Backend) {
    let kit = ready(backend).await;
    register(&kit, GRACE).await;
    assert_eq!(attempt(&kit, GRACE, "wrong password").await.expect(401).code(), "invalid-credentials");
    assert_eq!(attempt(&kit, GRACE, PASSWORD).await.expect(403).code(), "email-not-verified");
    let owner = sign_in(&kit, OWNER).await;
    verify(&kit, &owner, GRACE).await;
    let grace = sign_in(&kit, GRACE).await;
    assert_eq!(sessions(&kit, &grace).await.len(), 1, "an attempt before verification started no session");
}

async fn there_is_no_default_password(backend: Backend) {
    let kit = ready(backend).await;
    for (email, password) in [
        ("admin@example.com", "admin"),
        ("admin@localhost.local", "password"),
        (OWNER, "admin"),
        (OWNER, "nexus"),
        (OWNER, "changeme"),
    ] {
        let _ = attempt(&kit, email, password).await.expect(401);
    }
}

async fn signing_out_ends_the_session(backend: Backend) {
    let kit = ready(backend).await;
    let (here, there) = (sign_in(&kit, OWNER).await, sign_in(&kit, OWNER).await);
    let out = kit.post("/api/auth/logout").bearer(&here.access).send().await.expect(204);
    assert!(out.header("set-cookie").starts_with("nexus_refresh=; Max-Age=0"), "{}", out.header("set-cookie"));
    assert_eq!(sessions(&kit, &there).await.len(), 1);
    until_refused(&kit, &here.refresh).await;
    let _ = refresh(&kit, &there.refresh).await.expect(200);
}

async fn signing_out_twice_is_signed_out(backend: Backend) {
    let kit = ready(backend).await;
    let owner = sign_in(&kit, OWNER).await;
    for _ in 0..2 {
        let _ = kit.post("/api/auth/logout").bearer(&owner.access).send().await.expect(204);
    }
    assert_eq!(kit.post("/api/auth/logout").send().await.expect(401).code(), "not-signed-in");
}
