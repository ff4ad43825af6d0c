use std::time::Duration;

use nexus_kernel::config::Registration;
use nexus_testkit::Backend;
use serde_json::json;

use crate::on_each_database;
use crate::support::{
    OWNER, PASSWORD, bare, mailed_token, mails_to, member, next_mail, outcome, profile_of, ready, ready_with, register,
    token_of, verify,
};

const GRACE: &str = "grace@example.com";
const DAY: Duration = Duration::from_hours(24);

on_each_database!(
    somebody_registers_verifies_and_may_sign_in,
    registration_does_not_tell_whether_an_address_is_known,
    a_verification_link_is_good_once,
    a_verification_link_expires,
    a_new_link_replaces_the_one_before,
    asking_for_a_link_does_not_tell_whether_an_address_is_known,
    whoever_verifies_an_address_has_the_account_and_not_who_came_first,
    an_address_gets_a_few_mails_and_no_flood,
    registration_can_be_closed,
    before_set_up_nobody_registers,
);

async fn somebody_registers_verifies_and_may_sign_in(backend: Backend) {
    let (kit, owner) = ready(backend).await;
    let reply = register(&kit, "Grace@Example.com ", PASSWORD).await.expect(202);
    assert_eq!(reply.value(), json!({}));
    assert_eq!(outcome(&kit, GRACE, PASSWORD).await, "unverified");
    let profile = profile_of(&kit, &owner, GRACE).await;
    assert_eq!(profile["email_verified"], false);
    assert_eq!(profile["roles"], json!(["member"]));
    assert_eq!(profile["tenant_id"], owner.tenant.to_string());

    let mail = &mails_to(&kit, &owner, GRACE).await[0];
    assert_eq!(mail["subject"], "Verify your e-mail address");
    let _ = verify(&kit, &token_of(mail)).await.expect(204);
    assert_eq!(outcome(&kit, GRACE, PASSWORD).await, "valid");
    assert_eq!(profile_of(&kit, &owner, GRACE).await["email_verified"], true);
    assert_eq!(outcome(&kit, GRACE, "correct horse batterz").await, "invalid");
}

async fn registration_does_not_tell_whether_an_address_is_known(backend: Backend) {
    let (kit, owner) = ready(backend).await;
    let unknown = register(&kit, GRACE, PASSWORD).await;
    let known = register(&kit, OWNER, "another good password").await;
    assert_eq!((unknown.status, unknown.text()), (known.status, known.text()));
    let names = |reply: &nexus_testkit::Reply| reply.headers.keys().map(ToString::to_string).collect::<Vec<_>>();
    assert_eq!(names(&unknown), names(&known));

    // The owner hears of it by mail, and nothing else has changed.
    let mails = mails_to(&kit, &owner, OWNER).await;
    assert_eq!(mails[0]["subject"], "You already have an account");
    assert!(!mails[0]["text"].as_str().unwrap().contains("token="));
    assert_eq!(outcome(&kit, OWNER, PASSWORD).await, "valid");
    assert_eq!(outcome(&kit, OWNER, "another good password").await, "invalid");
}

async fn a_verification_link_is_good_once(backend: Backend) {
    let (kit, owner) = ready(backend).await;
    let _ = register(&kit, GRACE, PASSWORD).await.expect(202);
    let token = mailed_token(&kit, &owner, GRACE).await;
    let (first, second) = tokio::join!(verify(&kit, &token), verify(&kit, &token));
    let mut answers = [first.status.as_u16(), second.status.as_u16()];
    answers.sort_unstable();
    assert_eq!(answers, [204, 403]);
    assert_eq!(verify(&kit, &token).await.expect(403).code(), "verification-link-invalid");
}

async fn a_verification_link_expires(backend: Backend) {
    let (kit, owner) = ready(backend).await;
    let _ = register(&kit, GRACE, PASSWORD).await.expect(202);
    let token = mailed_token(&kit, &owner, GRACE).await;
    kit.clock.advance(DAY);
    assert_eq!(verify(&kit, &token).await.expect(403).code(), "verification-link-invalid");
    assert_eq!(outcome(&kit, GRACE, PASSWORD).await, "unverified");
}

async fn a_new_link_replaces_the_one_before(backend: Backend) {
    let (kit, owner) = ready(backend).await;
    let _ = register(&kit, GRACE, PASSWORD).await.expect(202);
    let old = mailed_token(&kit, &owner, GRACE).await;
    kit.clock.advance(Duration::from_millis(5));
    let _ = kit.post("/api/auth/verify/resend").json(json!({"email": GRACE})).send().await.expect(202);
    let new = token_of(&next_mail(&kit, &owner, GRACE, 1).await);
    assert_ne!(old, new);
    let _ = verify(&kit, &old).await.expect(403);
    let _ = verify(&kit, &new).await.expect(204);
}

async fn asking_for_a_link_does_not_tell_whether_an_address_is_known(backend: Backend) {
    let (kit, owner) = ready(backend).await;
    let verified = member(&kit, &owner, GRACE).await;
    let _ = register(&kit, "linus@example.com", PASSWORD).await.expect(202);
    for email in ["nobody@example.com", GRACE, "linus@example.com"] {
        let reply = kit.post("/api/auth/verify/resend").json(json!({"email": email})).send().await.expect(202);
        assert_eq!(reply.value(), json!({}));
    }
    // The last one asked for is answered after the others: by now they would have their mail too.
    next_mail(&kit, &owner, "linus@example.com", 1).await;
    assert_eq!(mails_to(&kit, &owner, GRACE).await.len(), 1, "{verified:?} needs no new link");
    assert!(mails_to(&kit, &owner, "nobody@example.com").await.is_empty());
}

async fn whoever_verifies_an_address_has_the_account_and_not_who_came_first(backend: Backend) {
    let (kit, owner) = ready(backend).await;
    let _ = register(&kit, GRACE, "password of an impostor").await.expect(202);
    let impostors = mailed_token(&kit, &owner, GRACE).await;
    let _ = register(&kit, GRACE, PASSWORD).await.expect(202);
    let _ = verify(&kit, &impostors).await.expect(403);
    let _ = verify(&kit, &mailed_token(&kit, &owner, GRACE).await).await.expect(204);
    assert_eq!(outcome(&kit, GRACE, PASSWORD).await, "valid");
    assert_eq!(outcome(&kit, GRACE, "password of an impostor").await, "invalid");
    // Once verified, nobody replaces it.
    let _ = register(&kit, GRACE, "password of an impostor").await.expect(202);
    assert_eq!(outcome(&kit, GRACE, "password of an impostor").await, "invalid");
}

async fn an_address_gets_a_few_mails_and_no_flood(backend: Backend) {
    let (kit, owner) = ready(backend).await;
    for _ in 0..7 {
        let _ = register(&kit, GRACE, PASSWORD).await.expect(202);
    }
    assert_eq!(mails_to(&kit, &owner, GRACE).await.len(), 5);
    kit.clock.advance(Duration::from_secs(61));
    let _ = register(&kit, GRACE, PASSWORD).await.expect(202);
    assert_eq!(mails_to(&kit, &owner, GRACE).await.len(), 6);
}

async fn registration_can_be_closed(backend: Backend) {
    let (kit, owner) = ready_with(backend, |config| config.identity.registration = Registration::Closed).await;
    for email in [GRACE, OWNER] {
        assert_eq!(register(&kit, email, PASSWORD).await.expect(403).code(), "registration-closed");
    }
    assert!(mails_to(&kit, &owner, GRACE).await.is_empty());
}

async fn before_set_up_nobody_registers(backend: Backend) {
    let kit = bare(backend).await;
    assert_eq!(register(&kit, GRACE, PASSWORD).await.expect(403).code(), "registration-closed");
    let _ = kit.post("/api/auth/verify/resend").json(json!({"email": GRACE})).send().await.expect(202);
}
