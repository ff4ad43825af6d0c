//! Signing in in two steps, and looking after the second.

use std::time::Duration;

use futures::future::join_all;
use nexus_kernel::store::{Query, Scalar, Scope};
use nexus_testkit::{Backend, Testkit, eventually};
use serde_json::{Value, json};

use crate::on_each_database;
use crate::support::{
    App, GRACE, OWNER, PASSWORD, SignedIn, attempt, browser, challenge, claims, mails, member, ready_for_codes,
    refreshed, send_code, services, services_for_codes, sign_in, sign_in_with_code, try_in_browser,
};

const AUTHENTICATOR: &str = "/api/auth/factors/authenticator";
const CONFIRM: &str = "/api/auth/factors/authenticator/confirm";
const RECOVERY_CODES: &str = "/api/auth/factors/recovery-codes";

on_each_database!(
    an_authenticator_counts_once_it_is_confirmed,
    a_code_is_good_once,
    of_two_sign_ins_with_one_code_one_wins,
    clocks_may_differ_by_one_step,
    a_challenge_is_good_once_and_for_five_minutes,
    a_challenge_bears_five_codes_and_a_person_waits_after_five_wrong_ones,
    a_recovery_code_lets_in_once_and_is_told_by_mail,
    new_recovery_codes_replace_the_old,
    an_authenticator_is_removed_only_right_after_a_code,
    nobody_enrols_long_after_the_sign_in,
    what_is_no_code_is_refused_by_name,
    the_secret_is_stored_encrypted,
    a_code_that_nobody_could_look_at_does_not_count,
    a_role_change_between_the_steps_ends_the_sign_in,
);

async fn factors(kit: &Testkit, who: &SignedIn) -> Value {
    kit.get("/api/auth/factors").bearer(&who.access).send().await.expect(200).value()
}

async fn an_authenticator_counts_once_it_is_confirmed(backend: Backend) {
    let kit = ready_for_codes(backend).await;
    let owner = sign_in(&kit, OWNER).await;
    assert_eq!(factors(&kit, &owner).await, json!({"recovery_codes_left": 0}));
    let replaced = kit.post(AUTHENTICATOR).bearer(&owner.access).send().await.expect(201);
    assert_eq!(replaced.header("cache-control"), "no-store");
    let _ = attempt(&kit, OWNER, PASSWORD).await.expect(200);
    let app = App::of(&kit, &owner).await;
    assert_eq!(app.recovery.len(), 10);
    let have = factors(&kit, &owner).await;
    assert_eq!(have["recovery_codes_left"], 10);
    assert_eq!(have["authenticator_since"], kit.now().to_string());

    let first = attempt(&kit, OWNER, PASSWORD).await.expect(202);
    assert_eq!((first.header("set-cookie"), first.header("cache-control")), (String::new(), "no-store".to_owned()));
    let first = first.value();
    assert_eq!(first["methods"], json!(["authenticator", "recovery-code"]));
    assert_eq!((first["expires_in"].as_u64(), first.get("access_token")), (Some(300), None));
    let code = app.next_code(&kit);
    let second = send_code(&kit, first["challenge"].as_str().unwrap(), &code).await.expect(200);
    let tokens = SignedIn::of(&second.value());
    let says = claims(&tokens.access);
    assert_eq!(says["amr"], json!(["pwd", "otp", "mfa"]));
    assert_eq!(says["auth_time"], kit.now().as_seconds());
    let _ = kit.get("/api/users/me").bearer(&tokens.access).send().await.expect(200);
    // It stays in the tokens that follow.
    assert_eq!(claims(&refreshed(&kit, &tokens.refresh).await.access)["amr"], json!(["pwd", "otp", "mfa"]));
    assert_eq!(kit.post(AUTHENTICATOR).bearer(&tokens.access).send().await.expect(409).code(), "authenticator-exists");
    let again = kit.post(CONFIRM).bearer(&tokens.access).json(json!({"code": code}));
    assert_eq!(again.send().await.expect(409).code(), "nothing-to-confirm");
    let told = eventually("the person is told", async || {
        let told = mails(&kit, &tokens, OWNER, "Your account has an authenticator app").await;
        told.first().cloned()
    });
    assert!(told.await.contains("http://nexus.test"));
}

async fn a_code_is_good_once(backend: Backend) {
    let kit = ready_for_codes(backend).await;
    let app = App::of(&kit, &sign_in(&kit, OWNER).await).await;
    // The code that confirmed it is spent as well.
    let spent = app.code(&kit);
    let first = challenge(&kit, OWNER).await;
    assert_eq!(send_code(&kit, &first, &spent).await.expect(403).code(), "wrong-code");
    let code = app.next_code(&kit);
    let _ = send_code(&kit, &first, &code).await.expect(200);
    let second = challenge(&kit, OWNER).await;
    assert_eq!(send_code(&kit, &second, &code).await.expect(403).code(), "wrong-code");
    // Nor is one of a step before good any more, though it was never used.
    let unused = app.next_code(&kit);
    let later = app.next_code(&kit);
    let _ = send_code(&kit, &second, &later).await.expect(200);
    let third = challenge(&kit, OWNER).await;
    assert_eq!(send_code(&kit, &third, &unused).await.expect(403).code(), "wrong-code");
}

async fn of_two_sign_ins_with_one_code_one_wins(backend: Backend) {
    let kit = ready_for_codes(backend).await;
    let app = App::of(&kit, &sign_in(&kit, OWNER).await).await;
    let code = app.next_code(&kit);
    let challenges = [challenge(&kit, OWNER).await, challenge(&kit, OWNER).await, challenge(&kit, OWNER).await];
    let sent = join_all(challenges.iter().map(|challenge| send_code(&kit, challenge, &code))).await;
    let mut answers: Vec<u16> = sent.iter().map(|reply| reply.status.as_u16()).collect();
    answers.sort_unstable();
    assert_eq!(answers, [200, 403, 403]);
    // One challenge, two codes at the same moment: a recovery code each.
    let one = challenge(&kit, OWNER).await;
    let sent = join_all(app.recovery[..2].iter().map(|code| send_code(&kit, &one, code))).await;
    let mut answers: Vec<u16> = sent.iter().map(|reply| reply.status.as_u16()).collect();
    answers.sort_unstable();
    assert_eq!(answers, [200, 401]);
}

async fn clocks_may_differ_by_one_step(backend: Backend) {
    let kit = ready_for_codes(backend).await;
    let app = App::of(&kit, &sign_in(&kit, OWNER).await).await;
    let late = app.next_code(&kit);
    kit.clock.advance(Duration::from_secs(30));
    let first = challenge(&kit, OWNER).await;
    let _ = send_code(&kit, &first, &late).await.expect(200);
    let too_late = app.next_code(&kit);
    kit.clock.advance(Duration::from_mins(1));
    let second = challenge(&kit, OWNER).await;
    assert_eq!(send_code(&kit, &second, &too_late).await.expect(403).code(), "wrong-code");
}

async fn a_challenge_is_good_once_and_for_five_minutes(backend: Backend) {
    let kit = ready_for_codes(backend).await;
    let app = App::of(&kit, &sign_in(&kit, OWNER).await).await;
    let used = challenge(&kit, OWNER).await;
    let _ = send_code(&kit, &used, &app.next_code(&kit)).await.expect(200);
    let code = app.next_code(&kit);
    for wrong in [used.as_str(), "", "nonsense", &"A".repeat(43), &"é".repeat(43)] {
        assert_eq!(send_code(&kit, wrong, &code).await.expect(401).code(), "challenge-invalid", "{wrong}");
    }
    let old = challenge(&kit, OWNER).await;
    kit.clock.advance(Duration::from_mins(5));
    assert_eq!(send_code(&kit, &old, &app.code(&kit)).await.expect(401).code(), "challenge-invalid");
}

async fn a_challenge_bears_five_codes_and_a_person_waits_after_five_wrong_ones(backend: Backend) {
    let kit = ready_for_codes(backend).await;
    let known = browser(&kit, OWNER).await;
    let app = App::of(&kit, &sign_in(&kit, OWNER).await).await;
    let first = challenge(&kit, OWNER).await;
    for _ in 0..5 {
        assert_eq!(send_code(&kit, &first, "abcd-efgh-2345-ijkl").await.expect(403).code(), "wrong-code");
    }
    let code = app.next_code(&kit);
    assert_eq!(send_code(&kit, &first, &code).await.expect(401).code(), "challenge-invalid");
    let second = challenge(&kit, OWNER).await;
    kit.clock.advance(Duration::from_secs(1));
    let locked = send_code(&kit, &second, &code).await;
    // Thirty seconds less those that the app's next code took.
    assert!(locked.status == 200 || locked.code() == "locked", "{}", locked.text());
    let third = challenge(&kit, OWNER).await;
    for _ in 0..5 {
        let _ = send_code(&kit, &third, "000000").await;
    }
    let fourth = challenge(&kit, OWNER).await;
    assert_eq!(send_code(&kit, &fourth, "000000").await.expect(429).code(), "locked");
    // The browser that signed in before has tries of its own.
    let step = try_in_browser(&kit, &known, OWNER, PASSWORD).await.expect(202).value();
    let body = json!({"challenge": step["challenge"], "code": app.next_code(&kit)});
    let reply = kit.post("/api/auth/login/second-factor").header("cookie", &known).json(body).send().await.expect(200);
    assert!(reply.value().get("refresh_token").is_none());
}

async fn a_recovery_code_lets_in_once_and_is_told_by_mail(backend: Backend) {
    let kit = ready_for_codes(backend).await;
    member(&kit, GRACE).await;
    let app = App::of(&kit, &sign_in(&kit, OWNER).await).await;
    let code = &app.recovery[3];
    let typed = code.replace('-', " ").to_uppercase();
    let owner = sign_in_with_code(&kit, OWNER, &typed).await;
    assert_eq!(factors(&kit, &owner).await["recovery_codes_left"], 9);
    let next = challenge(&kit, OWNER).await;
    assert_eq!(send_code(&kit, &next, code).await.expect(403).code(), "wrong-code");
    let told = eventually("the person is told", async || {
        let told = mails(&kit, &owner, OWNER, "A recovery code of your account was used").await;
        told.first().cloned()
    });
    assert!(told.await.contains("You have 9 left"));
    // Another person's are worth nothing here.
    let graces = App::of(&kit, &sign_in(&kit, GRACE).await).await;
    assert_eq!(send_code(&kit, &next, &graces.recovery[0]).await.expect(403).code(), "wrong-code");
    assert_eq!(send_code(&kit, &next, &graces.next_code(&kit)).await.expect(403).code(), "wrong-code");
}

async fn new_recovery_codes_replace_the_old(backend: Backend) {
    let kit = ready_for_codes(backend).await;
    let owner = sign_in(&kit, OWNER).await;
    assert_eq!(
        kit.post(RECOVERY_CODES).bearer(&owner.access).send().await.expect(401).code(),
        "insufficient-user-authentication"
    );
    let app = App::of(&kit, &owner).await;
    let owner = sign_in_with_code(&kit, OWNER, &app.next_code(&kit)).await;
    let renewed = kit.post(RECOVERY_CODES).bearer(&owner.access).send().await.expect(200).value();
    let renewed: Vec<String> = serde_json::from_value(renewed["recovery_codes"].clone()).unwrap();
    assert!(renewed.len() == 10 && renewed.iter().all(|code| !app.recovery.contains(code)));
    let next = challenge(&kit, OWNER).await;
    let _ = send_code(&kit, &next, &app.recovery[0]).await.expect(403);
    let _ = send_code(&kit, &next, &renewed[0]).await.expect(200);
}

async fn an_authenticator_is_removed_only_right_after_a_code(backend: Backend) {
    let kit = ready_for_codes(backend).await;
    let before = sign_in(&kit, OWNER).await;
    let _ = kit.delete(AUTHENTICATOR).bearer(&before.access).send().await.expect(404);
    let app = App::of(&kit, &before).await;
    // A session that began with the password alone is not enough, however new it is.
    let refused = kit.delete(AUTHENTICATOR).bearer(&before.access).send().await.expect(401);
    assert_eq!(refused.code(), "insufficient-user-authentication");
    assert!(
        refused.header("www-authenticate").contains("acr_values=\"mfa\""),
        "{}",
        refused.header("www-authenticate")
    );
    let owner = sign_in_with_code(&kit, OWNER, &app.next_code(&kit)).await;
    kit.clock.advance(Duration::from_mins(11));
    let later = refreshed(&kit, &owner.refresh).await;
    let refused = kit.delete(AUTHENTICATOR).bearer(&later.access).send().await.expect(401);
    assert_eq!(refused.code(), "insufficient-user-authentication");
    let step_up = |body: Value| kit.post("/api/auth/step-up").bearer(&later.access).json(body).send();
    assert_eq!(step_up(json!({"password": PASSWORD})).await.expect(422).code(), "code-needed");
    let stepped = step_up(json!({"code": app.next_code(&kit)})).await.expect(200).value();
    let token = stepped["access_token"].as_str().unwrap();
    let _ = kit.delete(AUTHENTICATOR).bearer(token).send().await.expect(204);
    let _ = attempt(&kit, OWNER, PASSWORD).await.expect(200);
    assert_eq!(factors(&kit, &later).await, json!({"recovery_codes_left": 0}));
    eventually("the person is told", async || {
        let told = mails(&kit, &later, OWNER, "Your account has no authenticator app any more").await;
        (told.len() == 1).then_some(())
    })
    .await;
}

async fn nobody_enrols_long_after_the_sign_in(backend: Backend) {
    let kit = ready_for_codes(backend).await;
    let owner = sign_in(&kit, OWNER).await;
    kit.clock.advance(Duration::from_mins(11));
    let later = refreshed(&kit, &owner.refresh).await;
    for path in [AUTHENTICATOR, CONFIRM] {
        let refused = kit.post(path).bearer(&later.access).json(json!({"code": "123456"})).send().await.expect(401);
        assert_eq!(refused.code(), "insufficient-user-authentication");
        assert!(refused.header("www-authenticate").contains("max_age=600"));
    }
    let _ = kit.post(AUTHENTICATOR).send().await.expect(401);
    let body = json!({"password": PASSWORD});
    let stepped = kit.post("/api/auth/step-up").bearer(&later.access).json(body).send().await.expect(200).value();
    let _ = kit.post(AUTHENTICATOR).bearer(stepped["access_token"].as_str().unwrap()).send().await.expect(201);
}

async fn what_is_no_code_is_refused_by_name(backend: Backend) {
    let kit = ready_for_codes(backend).await;
    let owner = sign_in(&kit, OWNER).await;
    let _ = kit.post(AUTHENTICATOR).bearer(&owner.access).send().await.expect(201);
    for code in ["12345", "1234567", "abcdef", "０１２３４５", "' OR 1=1", "000000", "abcd-efgh-2345-ijkl"] {
        let refused = kit.post(CONFIRM).bearer(&owner.access).json(json!({"code": code})).send().await.expect(403);
        assert_eq!(refused.code(), "wrong-code", "{code}");
    }
    for body in [json!({}), json!({"code": ""}), json!({"code": 123_456}), json!({"code": "1".repeat(65)})] {
        let refused = kit.post(CONFIRM).bearer(&owner.access).json(&body).send().await.expect(422);
        assert_eq!(refused.code(), "validation-failed", "{body}");
    }
    for body in [json!({"code": "123456"}), json!({"challenge": null, "code": "1"}), json!({"challenge": "x"})] {
        let refused = kit.post("/api/auth/login/second-factor").json(&body).send().await.expect(422);
        assert_eq!(refused.code(), "validation-failed", "{body}");
    }
}

async fn the_secret_is_stored_encrypted(backend: Backend) {
    let kit = ready_for_codes(backend).await;
    let owner = sign_in(&kit, OWNER).await;
    let enrolment = kit.post(AUTHENTICATOR).bearer(&owner.access).send().await.expect(201).value();
    let sql = "SELECT secret FROM authenticators";
    let mut read = kit.context("auth-service").store.read(Scope::System);
    let Scalar(stored): Scalar<String> = read.query_one(sql, Vec::new()).await.unwrap();
    let shown = enrolment["secret"].as_str().unwrap();
    assert!(!stored.contains(shown) && stored.len() > shown.len(), "{stored}");
    // The same secret for another person opens nothing: what is stored belongs to its owner.
    member(&kit, GRACE).await;
    let grace = sign_in(&kit, GRACE).await;
    let _ = kit.post(AUTHENTICATOR).bearer(&grace.access).send().await.expect(201);
    let mut tx = kit.context("auth-service").store.begin(Scope::System).await.unwrap();
    let sql = "UPDATE authenticators SET secret = $1";
    assert_eq!(tx.execute(sql, vec![stored.as_str().into()]).await.unwrap(), 2);
    tx.commit().await.unwrap();
    let confirm = kit.post(CONFIRM).bearer(&grace.access).json(json!({"code": "123456"})).send().await.expect(500);
    assert_eq!(confirm.code(), "internal");
}

async fn a_code_that_nobody_could_look_at_does_not_count(backend: Backend) {
    let kit = ready_for_codes(backend).await;
    let app = App::of(&kit, &sign_in(&kit, OWNER).await).await;
    // Of key-service there is a stand-in now, that knows nothing of what it sealed.
    let kit = kit.restart(services()).await;
    let first = challenge(&kit, OWNER).await;
    for _ in 0..5 {
        assert_eq!(send_code(&kit, &first, &app.next_code(&kit)).await.expect(500).code(), "internal");
    }
    let kit = kit.restart(services_for_codes()).await;
    sign_in_with_code(&kit, OWNER, &app.next_code(&kit)).await;
}

async fn a_role_change_between_the_steps_ends_the_sign_in(backend: Backend) {
    let kit = ready_for_codes(backend).await;
    member(&kit, GRACE).await;
    let app = App::of(&kit, &sign_in(&kit, GRACE).await).await;
    let grace = sign_in_with_code(&kit, GRACE, &app.next_code(&kit)).await;
    let profile = kit.get("/api/users/me").bearer(&grace.access).send().await.expect(200).value();
    let between = challenge(&kit, GRACE).await;
    let owner = sign_in(&kit, OWNER).await;
    let _ = kit
        .put(&format!("/api/users/{}/roles", profile["id"].as_str().unwrap()))
        .bearer(&owner.access)
        .header("if-match", format!("\"{}\"", profile["version"]))
        .json(json!({"roles": ["admin"]}))
        .send()
        .await
        .expect(200);
    let refused = send_code(&kit, &between, &app.next_code(&kit)).await.expect(409);
    assert_eq!(refused.code(), "sign-in-again");
}
