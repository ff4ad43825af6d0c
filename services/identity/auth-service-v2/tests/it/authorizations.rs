//! From an application's request to the person's answer.

use std::time::Duration;

use nexus_kernel::Role;
use nexus_testkit::{Backend, Person};
use serde_json::{Map, json};

use crate::on_each_database;
use crate::support::{alone, answer, answered, asking, bring, error, form, make, of, post, sent};

on_each_database!(
    a_person_sees_what_is_asked_and_says_yes_or_no,
    a_yes_is_remembered_for_the_person_and_the_application,
    nothing_is_shown_where_nothing_may_be,
    a_person_signs_in_again_where_that_is_asked_for,
    a_pushed_request_is_good_for_one_browser_and_a_minute,
    an_application_that_must_push_does,
    an_answer_comes_too_late_after_ten_minutes,
    people_take_back_what_they_agreed_to,
);

async fn a_person_sees_what_is_asked_and_says_yes_or_no(backend: Backend) {
    let kit = alone(backend).await;
    let owner = Person::new(Role::Owner);
    let (admin, member) = (of(&kit, &owner), of(&kit, &Person::of(owner.tenant, Role::Member)));
    let app = make(&kit, &admin, json!({})).await;
    let browser = bring(&kit, &asking(&app, &[("login_hint", "ada@example.com")])).await;
    let path = format!("/api/auth/v2/authorizations/{}", browser.request);
    let stranger = kit.get(&path).header("cookie", &browser.cookie).send().await.expect(200).value();
    assert_eq!((&stranger["signed_in"], &stranger["application"]), (&json!(false), &json!("Newsroom")));
    let seen = kit.get(&path).header("cookie", &browser.cookie).bearer(&member).send().await.expect(200).value();
    assert_eq!((&seen["signed_in"], &seen["consent_needed"]), (&json!(true), &json!(true)));
    assert_eq!((&seen["scopes"], &seen["login_hint"]), (&json!(["email", "openid"]), &json!("ada@example.com")));

    let denied = answered(&kit, &browser, &member, "deny").await;
    assert_eq!((denied["error"].as_str(), denied["state"].as_str()), ("access_denied", "s-1"));
    let _ = answer(&kit, &browser, Some(&member), "approve").await.expect(404);

    let browser = bring(&kit, &asking(&app, &[])).await;
    let approved = answered(&kit, &browser, &member, "approve").await;
    assert!(approved["code"].len() == 43 && approved["state"] == "s-1", "{approved:?}");
    let _ = answer(&kit, &browser, Some(&member), "approve").await.expect(404);
}

async fn a_yes_is_remembered_for_the_person_and_the_application(backend: Backend) {
    let kit = alone(backend).await;
    let owner = Person::new(Role::Owner);
    let (admin, member) = (of(&kit, &owner), of(&kit, &Person::of(owner.tenant, Role::Member)));
    let app = make(&kit, &admin, json!({})).await;
    let other = make(&kit, &admin, json!({"name": "Other"})).await;
    let browser = bring(&kit, &asking(&app, &[])).await;
    answered(&kit, &browser, &member, "approve").await;
    for (app, who, changes, needed) in [
        (&app, &member, vec![], false),
        (&app, &member, vec![("scope", "openid")], false),
        (&app, &member, vec![("scope", "openid email profile")], true),
        (&app, &member, vec![("prompt", "consent")], true),
        (&app, &admin, vec![], true),
        (&other, &member, vec![], true),
    ] {
        let browser = bring(&kit, &asking(app, &changes)).await;
        let path = format!("/api/auth/v2/authorizations/{}", browser.request);
        let seen = kit.get(&path).header("cookie", &browser.cookie).bearer(who).send().await.expect(200).value();
        assert_eq!(seen["consent_needed"], json!(needed), "{changes:?}");
    }
    // What answers at an app's own scheme may be somebody else, so that a yes is not enough for the next time.
    let changes = json!({"token_endpoint_auth_method": "none", "redirect_uris": ["com.example.app:/cb"]});
    let native = make(&kit, &admin, changes).await;
    for _ in 0..2 {
        let browser = bring(&kit, &asking(&native, &[("redirect_uri", "com.example.app:/cb")])).await;
        let path = format!("/api/auth/v2/authorizations/{}", browser.request);
        let seen = kit.get(&path).header("cookie", &browser.cookie).bearer(&member).send().await.expect(200).value();
        assert_eq!(seen["consent_needed"], json!(true));
        let _ = answer(&kit, &browser, Some(&member), "approve").await.expect(200);
    }
}

async fn nothing_is_shown_where_nothing_may_be(backend: Backend) {
    let kit = alone(backend).await;
    let admin = of(&kit, &Person::new(Role::Owner));
    let app = make(&kit, &admin, json!({})).await;
    let silent = asking(&app, &[("prompt", "none")]);
    let browser = bring(&kit, &silent).await;
    assert_eq!(answered(&kit, &browser, &admin, "approve").await["error"], "consent_required");
    let browser = bring(&kit, &silent).await;
    let nobody = answer(&kit, &browser, None, "deny").await.expect(200).value();
    assert!(nobody["redirect_to"].as_str().unwrap().contains("error=login_required"), "{nobody}");
    let browser = bring(&kit, &asking(&app, &[])).await;
    answered(&kit, &browser, &admin, "approve").await;
    let browser = bring(&kit, &silent).await;
    assert!(answered(&kit, &browser, &admin, "approve").await.contains_key("code"));
    kit.clock.advance(Duration::from_mins(1));
    let browser = bring(&kit, &asking(&app, &[("prompt", "none"), ("max_age", "30")])).await;
    assert_eq!(answered(&kit, &browser, &admin, "approve").await["error"], "login_required");
}

async fn a_person_signs_in_again_where_that_is_asked_for(backend: Backend) {
    let kit = alone(backend).await;
    let owner = Person::new(Role::Owner);
    let app = make(&kit, &of(&kit, &owner), json!({})).await;
    let before = of(&kit, &owner);
    kit.clock.advance(Duration::from_secs(100));
    for (name, value) in [("prompt", "login"), ("max_age", "60"), ("max_age", "0")] {
        let browser = bring(&kit, &asking(&app, &[(name, value)])).await;
        let refused = answer(&kit, &browser, Some(&before), "approve").await.expect(401);
        assert_eq!(refused.code(), "insufficient-user-authentication");
        assert!(refused.header("www-authenticate").contains("insufficient_user_authentication"));
        let again = of(&kit, &owner);
        assert!(answered(&kit, &browser, &again, "approve").await.contains_key("code"), "{name}={value}");
    }
    let browser = bring(&kit, &asking(&app, &[("max_age", "1000")])).await;
    assert!(answered(&kit, &browser, &before, "approve").await.contains_key("code"));
    // Nobody knows when the person of such a token signed in.
    let unknown = kit.token_with(&owner, Map::from_iter([("auth_time".to_owned(), json!(null))]));
    let browser = bring(&kit, &asking(&app, &[])).await;
    let _ = answer(&kit, &browser, Some(&unknown), "approve").await.expect(401);
}

async fn a_pushed_request_is_good_for_one_browser_and_a_minute(backend: Backend) {
    let kit = alone(backend).await;
    let admin = of(&kit, &Person::new(Role::Owner));
    let (app, other) = (make(&kit, &admin, json!({})).await, make(&kit, &admin, json!({})).await);
    let push = async || {
        let reply = post(&kit, "/oauth2/par", Some(&app.basic()), &asking(&app, &[])).await.expect(201).value();
        assert_eq!(reply["expires_in"], 60);
        reply["request_uri"].as_str().unwrap().to_owned()
    };
    let pushed = push().await;
    let path =
        |app: &str, uri: &str| format!("/oauth2/authorize?{}", form(&[("client_id", app), ("request_uri", uri)]));
    let stolen = kit.get(&path(&other.id, &pushed)).send().await.expect(400);
    assert_eq!(error(&stolen), "invalid_request_uri");
    let browser = bring(&kit, &[("client_id", &app.id), ("request_uri", &pushed)]).await;
    assert_eq!(answered(&kit, &browser, &admin, "approve").await["state"], "s-1");
    assert_eq!(error(&kit.get(&path(&app.id, &pushed)).send().await.expect(400)), "invalid_request_uri");
    let late = push().await;
    kit.clock.advance(Duration::from_secs(61));
    assert_eq!(error(&kit.get(&path(&app.id, &late)).send().await.expect(400)), "invalid_request_uri");
    let elsewhere = path(&app.id, "https://evil.example/request");
    assert_eq!(error(&kit.get(&elsewhere).send().await.expect(400)), "invalid_request_uri");
    let _ = post(&kit, "/oauth2/par", None, &asking(&app, &[])).await.expect(401);
}

async fn an_application_that_must_push_does(backend: Backend) {
    let kit = alone(backend).await;
    let admin = of(&kit, &Person::new(Role::Owner));
    let app = make(&kit, &admin, json!({"require_pushed_authorization_requests": true})).await;
    let refused = kit.get(&format!("/oauth2/authorize?{}", form(&asking(&app, &[])))).send().await.expect(303);
    assert_eq!(sent(&refused).1["error"], "invalid_request");
    let pushed = post(&kit, "/oauth2/par", Some(&app.basic()), &asking(&app, &[])).await.expect(201).value();
    let uri = pushed["request_uri"].as_str().unwrap();
    bring(&kit, &[("client_id", &app.id), ("request_uri", uri)]).await;
}

async fn an_answer_comes_too_late_after_ten_minutes(backend: Backend) {
    let kit = alone(backend).await;
    let owner = Person::new(Role::Owner);
    let app = make(&kit, &of(&kit, &owner), json!({})).await;
    let browser = bring(&kit, &asking(&app, &[])).await;
    kit.clock.advance(Duration::from_mins(10));
    let _ = answer(&kit, &browser, Some(&of(&kit, &owner)), "approve").await.expect(404);
}

async fn people_take_back_what_they_agreed_to(backend: Backend) {
    let kit = alone(backend).await;
    let owner = Person::new(Role::Owner);
    let (admin, member) = (of(&kit, &owner), of(&kit, &Person::of(owner.tenant, Role::Member)));
    let app = make(&kit, &admin, json!({})).await;
    let browser = bring(&kit, &asking(&app, &[])).await;
    answered(&kit, &browser, &member, "approve").await;
    let list = kit.get("/api/auth/v2/consents").bearer(&member).send().await.expect(200).value();
    assert_eq!((&list["items"][0]["client_id"], &list["items"][0]["name"]), (&json!(app.id), &json!("Newsroom")));
    let path = format!("/api/auth/v2/consents/{}", app.id);
    // Another person has agreed to nothing.
    let _ = kit.delete(&path).bearer(&admin).send().await.expect(404);
    let _ = kit.delete(&path).bearer(&member).send().await.expect(204);
    let list = kit.get("/api/auth/v2/consents").bearer(&member).send().await.expect(200).value();
    assert_eq!(list["items"], json!([]));
}
