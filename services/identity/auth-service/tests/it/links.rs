//! Signing in with a mailed link.

use std::time::Duration;

use futures::future::join_all;
use nexus_testkit::{Backend, Reply, Testkit, eventually};
use serde_json::{Value, json};

use crate::on_each_database;
use crate::support::{
    App, GRACE, HOME, OWNER, SignedIn, claims, cookie, mails, member, ready, ready_for_codes, register, send_code,
    sessions, sign_in, token_in,
};

const SUBJECT: &str = "Your link to sign in";

on_each_database!(
    a_link_signs_in_once_in_the_browser_that_asked,
    of_two_browsers_with_one_link_one_wins,
    a_link_is_good_for_ten_minutes,
    a_code_follows_where_one_is_needed,
    nobody_learns_whether_an_address_has_an_account,
    only_who_may_sign_in_gets_a_link,
    no_address_is_flooded,
    what_is_no_link_is_refused_by_name,
);

async fn ask(kit: &Testkit, email: &str) -> Reply {
    kit.post("/api/auth/sign-in-links").header("x-forwarded-for", HOME).json(json!({"email": email})).send().await
}

/// The cookie of a browser that asks, and the token of the mail that comes.
async fn link(kit: &Testkit, owner: &SignedIn, email: &str) -> (String, String) {
    let before = mails(kit, owner, email, SUBJECT).await.len();
    kit.clock.advance(Duration::from_millis(5));
    let asked = ask(kit, email).await.expect(202);
    let mail = eventually("the link is mailed", async || {
        let mails = mails(kit, owner, email, SUBJECT).await;
        (mails.len() > before).then(|| mails[0].clone())
    })
    .await;
    (cookie(&asked, "nexus_sign_in_link=").unwrap(), token_in(&mail))
}

async fn open(kit: &Testkit, cookie: &str, token: &str) -> Reply {
    kit.post("/api/auth/login/link")
        .header("x-forwarded-for", HOME)
        .header("cookie", cookie)
        .json(json!({"token": token, "refresh_token": "body"}))
        .send()
        .await
}

fn refused(reply: Reply) {
    assert_eq!(reply.expect(403).code(), "sign-in-link-invalid");
}

async fn a_link_signs_in_once_in_the_browser_that_asked(backend: Backend) {
    let kit = ready(backend).await;
    member(&kit, GRACE).await;
    let owner = sign_in(&kit, OWNER).await;
    let (browser, token) = link(&kit, &owner, GRACE).await;
    // Whoever reads the mail, or asks for a link of their own, has not the cookie.
    refused(open(&kit, "theme=dark", &token).await);
    refused(open(&kit, "nexus_sign_in_link=x", &token).await);
    let (other, others) = link(&kit, &owner, GRACE).await;
    refused(open(&kit, &other, &token).await);
    refused(open(&kit, &browser, &others).await);
    let reply = open(&kit, &browser, &token).await.expect(200);
    assert_eq!(cookie(&reply, "nexus_sign_in_link=").unwrap(), "nexus_sign_in_link=");
    let grace = SignedIn::of(&reply.value());
    assert_eq!(claims(&grace.access)["amr"], json!(["email"]));
    assert_eq!(sessions(&kit, &grace).await.len(), 1);
    refused(open(&kit, &browser, &token).await);
    let _ = open(&kit, &other, &others).await.expect(200);
}

async fn of_two_browsers_with_one_link_one_wins(backend: Backend) {
    let kit = ready(backend).await;
    member(&kit, GRACE).await;
    let owner = sign_in(&kit, OWNER).await;
    let (browser, token) = link(&kit, &owner, GRACE).await;
    let replies = join_all((0..3).map(|_| open(&kit, &browser, &token))).await;
    let mut answers: Vec<u16> = replies.iter().map(|reply| reply.status.as_u16()).collect();
    answers.sort_unstable();
    assert_eq!(answers, [200, 403, 403]);
}

async fn a_link_is_good_for_ten_minutes(backend: Backend) {
    let kit = ready(backend).await;
    member(&kit, GRACE).await;
    let owner = sign_in(&kit, OWNER).await;
    let (browser, token) = link(&kit, &owner, GRACE).await;
    kit.clock.advance(Duration::from_mins(10));
    refused(open(&kit, &browser, &token).await);
}

async fn a_code_follows_where_one_is_needed(backend: Backend) {
    let kit = ready_for_codes(backend).await;
    member(&kit, GRACE).await;
    let app = App::of(&kit, &sign_in(&kit, GRACE).await).await;
    let owner = sign_in(&kit, OWNER).await;
    let (browser, token) = link(&kit, &owner, GRACE).await;
    let step = open(&kit, &browser, &token).await.expect(202).value();
    let reply = send_code(&kit, step["challenge"].as_str().unwrap(), &app.next_code(&kit)).await.expect(200);
    assert_eq!(claims(&SignedIn::of(&reply.value()).access)["amr"], json!(["email", "otp", "mfa"]));
}

async fn nobody_learns_whether_an_address_has_an_account(backend: Backend) {
    let kit = ready(backend).await;
    member(&kit, GRACE).await;
    let shape = |reply: Reply| {
        let set = reply.header("set-cookie");
        let (name, rest) = set.split_once('=').unwrap();
        let (value, attributes) = rest.split_once(';').unwrap();
        (reply.status, reply.text(), name.to_owned(), value.len(), attributes.to_owned(), reply.headers.len())
    };
    let known = shape(ask(&kit, GRACE).await);
    assert_eq!(known, shape(ask(&kit, "nobody@example.com").await));
    assert_eq!(known.0, 202);
    assert!(known.4.contains("HttpOnly") && known.4.contains("SameSite=Strict") && known.4.contains("Max-Age=600"));
}

async fn only_who_may_sign_in_gets_a_link(backend: Backend) {
    let kit = ready(backend).await;
    register(&kit, "unverified@example.com").await;
    member(&kit, GRACE).await;
    let owner = sign_in(&kit, OWNER).await;
    let all = ["unverified@example.com", "nobody@example.com", OWNER];
    for email in all {
        let _ = ask(&kit, email).await.expect(202);
    }
    // One that is asked for later is mailed, so those before were looked at.
    let (browser, token) = link(&kit, &owner, GRACE).await;
    for email in all {
        // In a development mailbox, that every admin reads, an owner's link would make an admin an owner.
        assert_eq!(mails(&kit, &owner, email, SUBJECT).await, Vec::<String>::new(), "{email}");
    }
    // Nor does one that was mailed before the account was deactivated let anybody in.
    let people = kit.get("/api/users").bearer(&owner.access).send().await.expect(200).value();
    let is_grace = |person: &&Value| person["email"] == GRACE;
    let grace = people["items"].as_array().unwrap().iter().find(is_grace).unwrap()["id"].as_str().unwrap().to_owned();
    let _ = kit.post(&format!("/api/users/{grace}/deactivate")).bearer(&owner.access).send().await.expect(200);
    refused(open(&kit, &browser, &token).await);
}

async fn no_address_is_flooded(backend: Backend) {
    let kit = ready(backend).await;
    member(&kit, GRACE).await;
    let owner = sign_in(&kit, OWNER).await;
    for _ in 0..12 {
        let _ = ask(&kit, GRACE).await.expect(202);
    }
    let mailed = eventually("the links are mailed", async || {
        let mails = mails(&kit, &owner, GRACE, SUBJECT).await;
        (mails.len() >= 5).then_some(mails.len())
    })
    .await;
    assert_eq!(mailed, 5);
    kit.clock.advance(Duration::from_mins(1));
    link(&kit, &owner, GRACE).await;
    assert_eq!(mails(&kit, &owner, GRACE, SUBJECT).await.len(), 6);
}

async fn what_is_no_link_is_refused_by_name(backend: Backend) {
    let kit = ready(backend).await;
    for body in [json!({}), json!({"email": "nobody"}), json!({"email": [OWNER]}), json!({"email": OWNER, "x": 1})] {
        let refused = kit.post("/api/auth/sign-in-links").json(&body).send().await.expect(422);
        assert_eq!(refused.code(), "validation-failed", "{body}");
    }
    let own = format!("nexus_sign_in_link={}", "A".repeat(43));
    for token in ["", "nonsense", &"A".repeat(43), &"é".repeat(43), &"x".repeat(10_000)] {
        refused(open(&kit, &own, token).await);
    }
    let missing = kit.post("/api/auth/login/link").json(json!({"refresh_token": "body"})).send().await.expect(422);
    assert_eq!(missing.code(), "validation-failed");
}
