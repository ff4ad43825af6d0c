//! From a person's yes to tokens, and on.

use std::time::Duration;

use nexus_testkit::{Backend, eventually};
use serde_json::json;

use crate::on_each_database;
use crate::support::{ISSUER, claims, code, error, make, ready, sign_in, token, tokens, trading};

on_each_database!(
    a_code_becomes_tokens_that_say_who_and_for_whom,
    an_id_token_is_signed_as_the_application_wants,
    what_an_application_learns_is_what_the_person_agreed_to,
    an_application_without_the_refresh_grant_gets_no_refresh_token,
    a_refresh_token_is_good_once_and_never_for_more,
    a_code_is_good_for_a_minute,
    a_token_opens_what_its_scopes_name_and_nothing_else,
    a_person_sees_the_application_among_the_sessions,
);

async fn a_code_becomes_tokens_that_say_who_and_for_whom(backend: Backend) {
    let (kit, owner) = ready(backend).await;
    let app = make(&kit, &owner, json!({})).await;
    let code = code(&kit, &app, &owner, &[]).await;
    let reply = token(&kit, &app, &trading(&code)).await.expect(200);
    assert_eq!((reply.header("cache-control").as_str(), reply.header("pragma").as_str()), ("no-store", "no-cache"));
    let got = reply.value();
    assert_eq!(
        (&got["token_type"], &got["scope"], &got["expires_in"]),
        (&json!("Bearer"), &json!("email openid"), &json!(300))
    );
    let person = claims(&owner);
    let id = claims(got["id_token"].as_str().unwrap());
    assert_eq!(
        (&id["iss"], &id["aud"], &id["sub"], &id["nonce"]),
        (&json!(ISSUER), &json!(app.id), &person["sub"], &json!("n-1"))
    );
    assert_eq!(
        (&id["auth_time"], &id["amr"], &id["email"]),
        (&person["auth_time"], &json!(["pwd"]), &json!("owner@example.com"))
    );
    assert!(id.get("name").is_none(), "profile was not asked for: {id}");
    let access = claims(got["access_token"].as_str().unwrap());
    assert_eq!((&access["iss"], &access["client_id"], &access["sid"]), (&json!(ISSUER), &json!(app.id), &id["sid"]));
    assert_ne!(access["sid"], person["sid"], "an application acts in a session of its own");
}

async fn an_id_token_is_signed_as_the_application_wants(backend: Backend) {
    let (kit, owner) = ready(backend).await;
    for algorithm in ["ES256", "EdDSA"] {
        let app = make(&kit, &owner, json!({"id_token_signed_response_alg": algorithm})).await;
        let got = tokens(&kit, &app, &owner, "openid").await;
        let header = jsonwebtoken::decode_header(got["id_token"].as_str().unwrap()).unwrap();
        assert_eq!(format!("{:?}", header.alg), algorithm);
        let keys = kit.get("/.well-known/jwks.json").send().await.expect(200).value();
        let kid = json!(header.kid.unwrap());
        assert!(keys["keys"].as_array().unwrap().iter().any(|key| key["kid"] == kid && key["alg"] == algorithm));
    }
}

async fn what_an_application_learns_is_what_the_person_agreed_to(backend: Backend) {
    let (kit, owner) = ready(backend).await;
    let app = make(&kit, &owner, json!({})).await;
    for (scope, known, unknown) in [
        ("openid", vec![], vec!["name", "email", "groups"]),
        ("openid profile", vec!["name", "updated_at"], vec!["email", "groups"]),
        ("openid email groups", vec!["email", "email_verified", "groups", "roles"], vec!["name"]),
    ] {
        let got = tokens(&kit, &app, &owner, scope).await;
        let access = got["access_token"].as_str().unwrap();
        let said = kit.get("/oauth2/userinfo").bearer(access).send().await.expect(200).value();
        assert_eq!(said["sub"], claims(&owner)["sub"]);
        assert!(known.iter().all(|name| said.get(name).is_some()), "{scope}: {said}");
        assert!(unknown.iter().all(|name| said.get(name).is_none()), "{scope}: {said}");
        let _ = kit.post("/oauth2/userinfo").bearer(access).send().await.expect(200);
    }
    let got = tokens(&kit, &app, &owner, "email").await;
    assert!(got.get("id_token").is_none());
    let refused = kit.get("/oauth2/userinfo").bearer(got["access_token"].as_str().unwrap()).send().await.expect(403);
    assert_eq!(error(&refused), "insufficient_scope");
    // A session's own token is no application's.
    assert_eq!(error(&kit.get("/oauth2/userinfo").bearer(&owner).send().await.expect(401)), "invalid_token");
    assert_eq!(error(&kit.get("/oauth2/userinfo").send().await.expect(401)), "invalid_token");
}

async fn an_application_without_the_refresh_grant_gets_no_refresh_token(backend: Backend) {
    let (kit, owner) = ready(backend).await;
    let changes = json!({"grant_types": ["authorization_code"], "scopes": ["openid"]});
    let app = make(&kit, &owner, changes).await;
    let got = tokens(&kit, &app, &owner, "openid").await;
    assert!(got.get("refresh_token").is_none(), "{got}");
}

async fn a_refresh_token_is_good_once_and_never_for_more(backend: Backend) {
    let (kit, owner) = ready(backend).await;
    let app = make(&kit, &owner, json!({})).await;
    let other = make(&kit, &owner, json!({})).await;
    let first = tokens(&kit, &app, &owner, "openid email content-management").await;
    let refreshing = |token: &str, scope: &str| {
        let mut pairs =
            vec![("grant_type".to_owned(), "refresh_token".to_owned()), ("refresh_token".to_owned(), token.to_owned())];
        if !scope.is_empty() {
            pairs.push(("scope".to_owned(), scope.to_owned()));
        }
        pairs
    };
    let refresh = async |app: &crate::support::App, token_text: &str, scope: &str| {
        let pairs = refreshing(token_text, scope);
        let pairs: Vec<_> = pairs.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
        token(&kit, app, &pairs).await
    };
    let spent = first["refresh_token"].as_str().unwrap();
    assert_eq!(error(&refresh(&other, spent, "").await.expect(400)), "invalid_grant");
    assert_eq!(error(&refresh(&app, spent, "openid groups").await.expect(400)), "invalid_scope");
    let second = refresh(&app, spent, "openid").await.expect(200).value();
    assert_eq!(second["scope"], "openid");
    let id = claims(second["id_token"].as_str().unwrap());
    assert_eq!((&id["sub"], &id["sid"]), (&claims(&owner)["sub"], &claims(first["id_token"].as_str().unwrap())["sid"]));
    assert!(id.get("nonce").is_none());
    let next = second["refresh_token"].as_str().unwrap();
    let third = refresh(&app, next, "").await.expect(200).value();
    assert_eq!(third["scope"], "content-management email openid", "less for one token is not less for the grant");
    assert_eq!(error(&refresh(&app, spent, "").await.expect(400)), "invalid_grant");
    let last = third["refresh_token"].as_str().unwrap();
    assert_eq!(error(&refresh(&app, last, "").await.expect(400)), "invalid_grant", "the grant has ended with the copy");
}

async fn a_code_is_good_for_a_minute(backend: Backend) {
    let (kit, owner) = ready(backend).await;
    let app = make(&kit, &owner, json!({})).await;
    let late = code(&kit, &app, &owner, &[]).await;
    kit.clock.advance(Duration::from_mins(1));
    assert_eq!(error(&token(&kit, &app, &trading(&late)).await.expect(400)), "invalid_grant");
}

async fn a_token_opens_what_its_scopes_name_and_nothing_else(backend: Backend) {
    let (kit, owner) = ready(backend).await;
    let app = make(&kit, &owner, json!({})).await;
    let people = tokens(&kit, &app, &owner, "user-auth").await;
    let access = people["access_token"].as_str().unwrap();
    let _ = kit.get("/api/users").bearer(access).send().await.expect(200);
    assert_eq!(kit.get("/api/sessions").bearer(access).send().await.expect(403).code(), "insufficient-scope");
    let openid = tokens(&kit, &app, &owner, "openid").await;
    let access = openid["access_token"].as_str().unwrap();
    assert_eq!(kit.get("/api/users").bearer(access).send().await.expect(403).code(), "insufficient-scope");
}

async fn a_person_sees_the_application_among_the_sessions(backend: Backend) {
    let (kit, owner) = ready(backend).await;
    let app = make(&kit, &owner, json!({})).await;
    let got = tokens(&kit, &app, &owner, "openid").await;
    let sid = claims(got["access_token"].as_str().unwrap())["sid"].clone();
    let list = kit.get("/api/sessions").bearer(&owner).send().await.expect(200).value();
    let session = list["items"].as_array().unwrap().iter().find(|session| session["id"] == sid).unwrap().clone();
    assert!(session.to_string().contains("Newsroom"), "{session}");
    let path = format!("/api/sessions/{}", sid.as_str().unwrap());
    let _ = kit.delete(&path).bearer(&owner).send().await.expect(204);
    let access = got["access_token"].as_str().unwrap();
    eventually("the application's token ends with its session", async || {
        let reply = kit.get("/oauth2/userinfo").bearer(access).send().await;
        (reply.status.as_u16() == 401).then_some(())
    })
    .await;
    let again = sign_in(&kit).await;
    let _ = kit.get("/api/sessions").bearer(&again).send().await.expect(200);
}
