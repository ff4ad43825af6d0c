//! Tokens that are bound to a key.

use std::time::Duration;

use nexus_testkit::{Backend, Reply, Testkit};
use serde_json::{Value, json};

use crate::on_each_database;
use crate::support::{App, VERIFIER, claims, code, error, form, make, proof, ready, trading};

on_each_database!(
    a_bound_token_is_of_use_only_with_its_key,
    a_proof_is_good_once_and_for_this_request,
    a_refresh_token_of_a_bound_grant_needs_the_key,
    an_application_that_must_bind_its_tokens_does,
);

async fn ask(kit: &Testkit, app: &App, proof: &str, pairs: &[(&str, &str)]) -> Reply {
    let request = kit.post("/oauth2/token").header("content-type", "application/x-www-form-urlencoded");
    let request = request.header("authorization", app.basic()).header("dpop", proof);
    request.bytes(form(pairs)).send().await
}

async fn bound(kit: &Testkit, owner: &str) -> (App, Value) {
    let app = make(kit, owner, json!({})).await;
    let code = code(kit, &app, owner, &[("scope", "openid user-auth")]).await;
    let got = ask(kit, &app, &proof(kit, "/oauth2/token", None, json!({})), &trading(&code)).await.expect(200).value();
    (app, got)
}

async fn userinfo(kit: &Testkit, token: &str, proof: &str) -> Reply {
    let request = kit.get("/oauth2/userinfo").header("authorization", format!("DPoP {token}"));
    request.header("dpop", proof).send().await
}

async fn a_bound_token_is_of_use_only_with_its_key(backend: Backend) {
    let (kit, owner) = ready(backend).await;
    let (_, got) = bound(&kit, &owner).await;
    assert_eq!(got["token_type"], "DPoP");
    let access = got["access_token"].as_str().unwrap();
    assert_eq!(claims(access)["cnf"]["jkt"], "kPrK_qmxVWaYVA9wwBF6Iuo3vVzz7TxHCTwXBygrS4k");
    let good = proof(&kit, "/oauth2/userinfo", Some(access), json!({"htm": "GET"}));
    let _ = userinfo(&kit, access, &good).await.expect(200);
    let again = userinfo(&kit, access, &good).await.expect(401);
    assert_eq!(error(&again), "invalid_dpop_proof");
    assert!(again.header("www-authenticate").starts_with("DPoP"));
    let _ = kit.get("/oauth2/userinfo").bearer(access).send().await.expect(401);
    let _ = kit.get("/api/users").bearer(access).send().await.expect(401);
    for changes in [
        json!({}),
        json!({"htm": "GET", "htu": "http://nexus.test/oauth2/token"}),
        json!({"htm": "GET", "ath": "fUHyO2r2Z3DZ53EsNrWBb0xWXoaNy59IiKCAqksmQEo"}),
        json!({"htm": "GET", "ath": null}),
    ] {
        let refused = userinfo(&kit, access, &proof(&kit, "/oauth2/userinfo", Some(access), changes.clone())).await;
        assert_eq!(error(&refused.expect(401)), "invalid_dpop_proof", "{changes}");
    }
}

async fn a_proof_is_good_once_and_for_this_request(backend: Backend) {
    let (kit, owner) = ready(backend).await;
    let app = make(&kit, &owner, json!({})).await;
    let now = kit.now().as_seconds();
    let code = code(&kit, &app, &owner, &[]).await;
    let fresh = |changes| proof(&kit, "/oauth2/token", None, changes);
    for changes in [
        json!({"htm": "GET"}),
        json!({"htu": "https://evil.example/oauth2/token"}),
        json!({"htu": "http://nexus.test/oauth2/introspect"}),
        json!({"iat": now - 120}),
        json!({"iat": now + 120}),
        json!({"jti": ""}),
    ] {
        let refused = ask(&kit, &app, &fresh(changes.clone()), &trading(&code)).await.expect(400);
        assert_eq!(error(&refused), "invalid_dpop_proof", "{changes}");
    }
    assert_eq!(error(&ask(&kit, &app, "nonsense", &trading(&code)).await.expect(400)), "invalid_dpop_proof");
    let once = fresh(json!({}));
    let _ = ask(&kit, &app, &once, &trading(&code)).await.expect(200);
    let other = crate::support::code(&kit, &app, &owner, &[]).await;
    assert_eq!(error(&ask(&kit, &app, &once, &trading(&other)).await.expect(400)), "invalid_dpop_proof");
    // The request said which key it will be.
    let named = crate::support::code(&kit, &app, &owner, &[("dpop_jkt", "another")]).await;
    assert_eq!(error(&ask(&kit, &app, &fresh(json!({})), &trading(&named)).await.expect(400)), "invalid_grant");
}

async fn a_refresh_token_of_a_bound_grant_needs_the_key(backend: Backend) {
    let (kit, owner) = ready(backend).await;
    let (app, got) = bound(&kit, &owner).await;
    let refresh = [("grant_type", "refresh_token"), ("refresh_token", got["refresh_token"].as_str().unwrap())];
    assert_eq!(error(&crate::support::token(&kit, &app, &refresh).await.expect(400)), "invalid_grant");
    kit.clock.advance(Duration::from_secs(1));
    let next = ask(&kit, &app, &proof(&kit, "/oauth2/token", None, json!({})), &refresh).await.expect(200).value();
    assert_eq!(next["token_type"], "DPoP");
}

async fn an_application_that_must_bind_its_tokens_does(backend: Backend) {
    let (kit, owner) = ready(backend).await;
    let app = make(&kit, &owner, json!({"dpop_bound_access_tokens": true})).await;
    let code = code(&kit, &app, &owner, &[]).await;
    let trading = [("grant_type", "authorization_code"), ("code", code.as_str()), ("code_verifier", VERIFIER)];
    assert_eq!(error(&crate::support::token(&kit, &app, &trading).await.expect(400)), "invalid_dpop_proof");
    let _ = ask(&kit, &app, &proof(&kit, "/oauth2/token", None, json!({})), &trading).await.expect(200);
}
