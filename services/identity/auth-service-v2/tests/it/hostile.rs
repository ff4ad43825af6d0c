//! Attacks (RFC 9700), each against the door that it is known for.

use nexus_kernel::Role;
use nexus_testkit::{Backend, Person, eventually};
use serde_json::{Map, json};

use crate::on_each_database;
use crate::support::{
    CALLBACK, ISSUER, VERIFIER, alone, answer, answered, asking, bring, code, error, form, make, of, post, ready, sent,
    token, tokens, trading,
};

on_each_database!(
    nobody_is_sent_to_an_address_that_was_not_registered,
    there_is_no_way_down_from_pkce,
    a_code_in_other_hands_is_worth_nothing,
    a_code_that_comes_twice_ends_what_it_began,
    two_at_once_do_not_both_get_tokens,
    every_answer_says_who_answers,
    only_the_browser_that_began_gets_the_answer,
    people_of_other_organisations_can_not_answer,
    an_application_can_not_agree_in_its_persons_name,
    what_can_not_be_read_is_refused,
    asking_without_end_is_slowed_down_for_one_address_alone,
);

async fn nobody_is_sent_to_an_address_that_was_not_registered(backend: Backend) {
    let kit = alone(backend).await;
    let admin = of(&kit, &Person::new(Role::Owner));
    let changes = json!({"redirect_uris": [CALLBACK, "https://rp.example/other", "http://127.0.0.1/cb"]});
    let app = make(&kit, &admin, changes).await;
    for uri in [
        "https://evil.example/cb",
        "https://rp.example/cb/",
        "https://rp.example/cb?x=1",
        "https://rp.example/cb#x",
        "https://rp.example/cb/../other",
        "https://rp.example:8443/cb",
        "https://rp.example@evil.example/cb",
        "https://rp.example\\@evil.example/cb",
        "https://RP.example/cb",
        "http://rp.example/cb",
        "http://127.0.0.1.evil.example/cb",
        "http://localhost/cb",
        "javascript:alert(1)",
        "//evil.example/cb",
        "",
    ] {
        let query = form(&asking(&app, &[("redirect_uri", uri)]));
        for reply in [
            kit.get(&format!("/oauth2/authorize?{query}")).send().await,
            post(&kit, "/oauth2/authorize", None, &asking(&app, &[("redirect_uri", uri)])).await,
            post(&kit, "/oauth2/par", Some(&app.basic()), &asking(&app, &[("redirect_uri", uri)])).await,
        ] {
            let reply = reply.expect(400);
            assert_eq!((error(&reply).as_str(), reply.header("location").as_str()), ("invalid_request", ""), "{uri}");
        }
    }
    let unknown = kit.get("/oauth2/authorize?client_id=nobody&redirect_uri=https%3A%2F%2Frp.example%2Fcb").send().await;
    assert_eq!(unknown.expect(400).header("location"), "");
    bring(&kit, &asking(&app, &[("redirect_uri", "http://127.0.0.1:51004/cb")])).await;
}

async fn there_is_no_way_down_from_pkce(backend: Backend) {
    let kit = alone(backend).await;
    let admin = of(&kit, &Person::new(Role::Owner));
    let app = make(&kit, &admin, json!({})).await;
    for changes in [
        [("code_challenge", ""), ("code_challenge_method", "")],
        [("code_challenge", VERIFIER), ("code_challenge_method", "plain")],
        [("code_challenge", VERIFIER), ("code_challenge_method", "")],
        [("code_challenge", "short"), ("code_challenge_method", "S256")],
    ] {
        let reply = kit.get(&format!("/oauth2/authorize?{}", form(&asking(&app, &changes)))).send().await.expect(303);
        let (page, parameters) = sent(&reply);
        assert_eq!((page.as_str(), parameters["error"].as_str()), (CALLBACK, "invalid_request"), "{changes:?}");
    }
    let code = code(&kit, &app, &admin, &[]).await;
    for verifier in ["", "x", &"a".repeat(43), &"a".repeat(129)] {
        let mut pairs = trading(&code);
        pairs.retain(|(name, _)| *name != "code_verifier");
        pairs.push(("code_verifier", verifier));
        let expected = if verifier.is_empty() { "invalid_request" } else { "invalid_grant" };
        assert_eq!(error(&token(&kit, &app, &pairs).await.expect(400)), expected);
    }
}

async fn a_code_in_other_hands_is_worth_nothing(backend: Backend) {
    let (kit, owner) = ready(backend).await;
    let (app, thief) = (make(&kit, &owner, json!({})).await, make(&kit, &owner, json!({})).await);
    let stolen = code(&kit, &app, &owner, &[]).await;
    assert_eq!(error(&token(&kit, &thief, &trading(&stolen)).await.expect(400)), "invalid_grant");
    // Injected into the thief's own session at the application, whose verifier is another.
    let mut injected = trading(&stolen);
    injected.retain(|(name, _)| *name != "code_verifier");
    let other = "M25iVXpKU3puUjFaYWg3T1NDTDQtcW1ROUY5YXlwalNoc0hhakxifmZHag";
    injected.push(("code_verifier", other));
    assert_eq!(error(&token(&kit, &app, &injected).await.expect(400)), "invalid_grant");
    let mut elsewhere = trading(&stolen);
    elsewhere.retain(|(name, _)| *name != "redirect_uri");
    elsewhere.push(("redirect_uri", "https://rp.example/other"));
    assert_eq!(error(&token(&kit, &app, &elsewhere).await.expect(400)), "invalid_grant");
    let _ = token(&kit, &app, &trading(&stolen)).await.expect(200);
}

async fn a_code_that_comes_twice_ends_what_it_began(backend: Backend) {
    let (kit, owner) = ready(backend).await;
    let app = make(&kit, &owner, json!({})).await;
    let code = code(&kit, &app, &owner, &[]).await;
    let first = token(&kit, &app, &trading(&code)).await.expect(200).value();
    assert_eq!(error(&token(&kit, &app, &trading(&code)).await.expect(400)), "invalid_grant");
    let access = first["access_token"].as_str().unwrap();
    eventually("what the code became ends", async || {
        let reply = kit.get("/oauth2/userinfo").bearer(access).send().await;
        (reply.status.as_u16() == 401).then_some(())
    })
    .await;
    let refresh = [("grant_type", "refresh_token"), ("refresh_token", first["refresh_token"].as_str().unwrap())];
    assert_eq!(error(&token(&kit, &app, &refresh).await.expect(400)), "invalid_grant");
}

async fn two_at_once_do_not_both_get_tokens(backend: Backend) {
    let (kit, owner) = ready(backend).await;
    let app = make(&kit, &owner, json!({})).await;
    for _ in 0..5 {
        let code = code(&kit, &app, &owner, &[]).await;
        let pairs = trading(&code);
        let (left, right) = tokio::join!(token(&kit, &app, &pairs), token(&kit, &app, &pairs));
        let got: Vec<_> = [left, right].into_iter().filter(|reply| reply.status.as_u16() == 200).collect();
        assert!(got.len() <= 1);
        for reply in got {
            let tokens = reply.value();
            eventually("it has ended, as the code came twice", async || {
                let said = kit.get("/oauth2/userinfo").bearer(tokens["access_token"].as_str().unwrap()).send().await;
                (said.status.as_u16() == 401).then_some(())
            })
            .await;
        }
    }
}

async fn every_answer_says_who_answers(backend: Backend) {
    let kit = alone(backend).await;
    let admin = of(&kit, &Person::new(Role::Owner));
    let app = make(&kit, &admin, json!({})).await;
    for changes in [
        ("response_type", "token"),
        ("response_type", ""),
        ("response_mode", "fragment"),
        ("scope", "root"),
        ("scope", "openid user-auth:everything-x scheduler"),
        ("prompt", "none login"),
        ("max_age", "-1"),
        ("request", "a.b.c"),
    ] {
        let reply = kit.get(&format!("/oauth2/authorize?{}", form(&asking(&app, &[changes])))).send().await.expect(303);
        let (page, parameters) = sent(&reply);
        assert_eq!(
            (page.as_str(), parameters["iss"].as_str(), parameters["state"].as_str()),
            (CALLBACK, ISSUER, "s-1")
        );
        assert!(parameters.contains_key("error") && !parameters.contains_key("code"), "{changes:?}");
    }
    let document = kit.get("/.well-known/oauth-authorization-server").send().await.expect(200).value();
    assert_eq!(
        (&document["issuer"], &document["authorization_response_iss_parameter_supported"]),
        (&json!(ISSUER), &json!(true))
    );
}

async fn only_the_browser_that_began_gets_the_answer(backend: Backend) {
    let kit = alone(backend).await;
    let owner = Person::new(Role::Owner);
    let (admin, victim) = (of(&kit, &owner), of(&kit, &Person::of(owner.tenant, Role::Member)));
    let app = make(&kit, &admin, json!({})).await;
    let attackers = bring(&kit, &asking(&app, &[])).await;
    let victims = bring(&kit, &asking(&app, &[])).await;
    let (name, _) = attackers.cookie.split_once('=').unwrap();
    for cookie in [String::new(), victims.cookie.clone(), format!("{name}=x"), format!("{name}=")] {
        let lured = crate::support::Browser { cookie, ..attackers.clone() };
        let _ = answer(&kit, &lured, Some(&victim), "approve").await.expect(404);
        let _ = answer(&kit, &lured, Some(&victim), "deny").await.expect(404);
        let path = format!("/api/auth/v2/authorizations/{}", lured.request);
        let _ = kit.get(&path).header("cookie", &lured.cookie).bearer(&victim).send().await.expect(404);
    }
    let begun = kit.get(&format!("/oauth2/authorize?{}", form(&asking(&app, &[])))).send().await.expect(303);
    let cookie = begun.header("set-cookie");
    assert!(
        cookie.contains("HttpOnly") && cookie.contains("SameSite=Lax") && cookie.contains("Path=/api/auth/v2"),
        "{cookie}"
    );
    // Two tabs do not disturb each other.
    let both = crate::support::Browser { cookie: format!("{}; {}", victims.cookie, attackers.cookie), ..victims };
    assert!(answered(&kit, &both, &victim, "approve").await.contains_key("code"));
}

async fn people_of_other_organisations_can_not_answer(backend: Backend) {
    let kit = alone(backend).await;
    let app = make(&kit, &of(&kit, &Person::new(Role::Owner)), json!({})).await;
    let stranger = of(&kit, &Person::new(Role::Owner));
    let browser = bring(&kit, &asking(&app, &[])).await;
    assert_eq!(answer(&kit, &browser, Some(&stranger), "approve").await.expect(403).code(), "forbidden");
    let path = format!("/api/auth/v2/authorizations/{}", browser.request);
    let seen = kit.get(&path).header("cookie", &browser.cookie).bearer(&stranger).send().await.expect(200).value();
    assert_eq!(seen["signed_in"], false);
    let _ = answer(&kit, &browser, None, "approve").await.expect(401);
}

async fn an_application_can_not_agree_in_its_persons_name(backend: Backend) {
    let (kit, owner) = ready(backend).await;
    let app = make(&kit, &owner, json!({"scopes": ["openid", "api"]})).await;
    let got = tokens(&kit, &app, &owner, "api").await;
    let access = got["access_token"].as_str().unwrap();
    let browser = bring(&kit, &asking(&app, &[("scope", "openid api")])).await;
    assert_eq!(answer(&kit, &browser, Some(access), "approve").await.expect(403).code(), "not-the-person");
    let path = format!("/api/auth/v2/consents/{}", app.id);
    assert_eq!(kit.delete(&path).bearer(access).send().await.expect(403).code(), "not-the-person");
    let device = kit.post("/api/auth/v2/device/BCDF-GHJK/approve").bearer(access).send().await;
    assert_eq!(device.expect(403).code(), "not-the-person");
    // With a scope that does not name this service, it does not even come here.
    let narrow = make(&kit, &owner, json!({})).await;
    let got = tokens(&kit, &narrow, &owner, "openid content-management").await;
    let list = kit.get("/api/auth/v2/applications").bearer(got["access_token"].as_str().unwrap()).send().await;
    assert_eq!(list.expect(403).code(), "insufficient-scope");
}

async fn what_can_not_be_read_is_refused(backend: Backend) {
    let kit = alone(backend).await;
    let person = Person::new(Role::Owner);
    let admin = of(&kit, &person);
    let app = make(&kit, &admin, json!({})).await;
    let twice = format!("/oauth2/authorize?{}&state=s-2", form(&asking(&app, &[])));
    assert_eq!(error(&kit.get(&twice).send().await.expect(400)), "invalid_request");
    let long = "x".repeat(3_000);
    for changes in [("state", long.as_str()), ("nonce", &long), ("login_hint", &long)] {
        let reply = kit.get(&format!("/oauth2/authorize?{}", form(&asking(&app, &[changes])))).send().await.expect(303);
        assert_eq!(sent(&reply).1["error"], "invalid_request");
    }
    let expired = kit.token_with(&person, Map::from_iter([("exp".to_owned(), json!(1))]));
    let browser = bring(&kit, &asking(&app, &[])).await;
    assert_eq!(answer(&kit, &browser, Some(&expired), "approve").await.expect(401).code(), "expired-token");
    for path in ["/api/auth/v2/applications/x", "/api/auth/v2/consents/x"] {
        let _ = kit.delete(path).bearer(&admin).send().await.expect(404);
    }
    for path in ["/api/auth/v2/device/x", "/api/auth/v2/authorizations/x"] {
        let _ = kit.get(path).bearer(&admin).send().await.expect(404);
    }
}

async fn asking_without_end_is_slowed_down_for_one_address_alone(backend: Backend) {
    let kit = alone(backend).await;
    let ask =
        |address: &'static str| kit.get("/oauth2/authorize?client_id=nobody").header("x-forwarded-for", address).send();
    for _ in 0..300 {
        let _ = ask("203.0.113.9").await.expect(400);
    }
    let slowed = ask("203.0.113.9").await.expect(429);
    assert!(error(&slowed) == "temporarily_unavailable" && !slowed.header("retry-after").is_empty());
    let _ = ask("203.0.113.10").await.expect(400);
}
