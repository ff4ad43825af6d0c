//! Who signs in from where nobody did before.

use std::time::Duration;

use nexus_testkit::{Backend, Testkit, eventually};
use serde_json::json;

use crate::on_each_database;
use crate::support::{
    HOME, OWNER, PASSWORD, SignedIn, attempt, browser, cookie, mails, ready, sign_in, try_from_address, try_in_browser,
};

const NEW: &str = "A new sign-in to your account";

on_each_database!(
    a_new_device_is_told_by_mail_and_a_known_one_is_not,
    a_browser_is_known_wherever_it_goes,
    the_cookie_is_out_of_reach_and_programs_get_none,
);

async fn told(kit: &Testkit, owner: &SignedIn, times: usize) -> Vec<String> {
    eventually("the person is told", async || {
        let told = mails(kit, owner, OWNER, NEW).await;
        (told.len() >= times).then_some(told)
    })
    .await
}

async fn a_new_device_is_told_by_mail_and_a_known_one_is_not(backend: Backend) {
    let kit = ready(backend).await;
    // The first one is nobody's surprise, and neither is one like it in the same network.
    let owner = sign_in(&kit, OWNER).await;
    let _ = attempt(&kit, OWNER, PASSWORD).await.expect(200);
    let _ = browser(&kit, OWNER).await;
    let _ = try_from_address(&kit, "198.51.100.9", OWNER, "wrong password").await.expect(401);
    let _ = try_from_address(&kit, "198.51.100.9", OWNER, PASSWORD).await.expect(200);
    let mails = told(&kit, &owner, 1).await;
    assert_eq!(mails.len(), 1, "{mails:?}");
    assert!(mails[0].contains("Firefox on Linux, network address 198.51.100.9"), "{}", mails[0]);
    let _ = try_from_address(&kit, "198.51.100.9", OWNER, PASSWORD).await.expect(200);

    kit.clock.advance(Duration::from_millis(5));
    // A program that calls itself something that reads as a link is not called so.
    let request = kit.post("/api/auth/login").header("x-forwarded-for", HOME).header("user-agent", "evil.example/1");
    let body = json!({"email": OWNER, "password": PASSWORD, "refresh_token": "body"});
    let _ = request.json(body).send().await.expect(200);
    let mails = told(&kit, &owner, 2).await;
    assert_eq!(mails.len(), 2, "{mails:?}");
    assert!(mails[0].contains("a program, network address") && !mails[0].contains("evil"), "{}", mails[0]);
}

async fn a_browser_is_known_wherever_it_goes(backend: Backend) {
    let kit = ready(backend).await;
    let owner = sign_in(&kit, OWNER).await;
    let known = browser(&kit, OWNER).await;
    kit.clock.advance(Duration::from_hours(24));
    let elsewhere = |cookie: &str| {
        kit.post("/api/auth/login")
            .header("x-forwarded-for", "198.51.100.9")
            .header("cookie", cookie)
            .json(json!({"email": OWNER, "password": PASSWORD}))
            .send()
    };
    let _ = elsewhere(&known).await.expect(200);
    // Without its cookie it is another: the one mail is about this.
    kit.clock.advance(Duration::from_hours(24));
    let _ = kit
        .post("/api/auth/login")
        .header("x-forwarded-for", "192.0.2.1")
        .json(json!({"email": OWNER, "password": PASSWORD}))
        .send()
        .await
        .expect(200);
    let owner = crate::support::refreshed(&kit, &owner.refresh).await;
    let mails = told(&kit, &owner, 1).await;
    assert!(mails.len() == 1 && mails[0].contains("192.0.2.1"), "{mails:?}");
    // After more than a year unseen it is forgotten.
    kit.clock.advance(Duration::from_hours(401 * 24));
    for _ in 0..5 {
        let _ = attempt(&kit, OWNER, "wrong password").await.expect(401);
    }
    assert_eq!(try_in_browser(&kit, &known, OWNER, PASSWORD).await.expect(429).code(), "locked");
}

async fn the_cookie_is_out_of_reach_and_programs_get_none(backend: Backend) {
    let kit = ready(backend).await;
    let reply = try_in_browser(&kit, "theme=dark", OWNER, PASSWORD).await.expect(200);
    let set = reply.headers.get_all("set-cookie").iter().map(|value| value.to_str().unwrap());
    let device = set.filter(|value| value.starts_with("nexus_device_")).collect::<Vec<_>>();
    assert_eq!(device.len(), 1);
    for part in ["HttpOnly", "SameSite=Strict", "Path=/api/auth", "Max-Age=34560000"] {
        assert!(device[0].contains(part), "{}", device[0]);
    }
    assert_eq!(cookie(&attempt(&kit, OWNER, PASSWORD).await.expect(200), "nexus_"), None);
    let failed = try_in_browser(&kit, "theme=dark", OWNER, "wrong password").await.expect(401);
    assert_eq!(cookie(&failed, "nexus_"), None);
}
