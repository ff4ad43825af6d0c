//! Applications that act for themselves, and tokens that are traded for narrower ones.

use std::time::Duration;

use nexus_testkit::{Backend, Reply, Testkit};
use serde_json::{Value, json};

use crate::on_each_database;
use crate::support::{App, claims, error, make, ready, token, tokens};

on_each_database!(
    an_application_acts_for_itself_within_its_roles,
    a_token_is_traded_for_less_and_never_for_more,
    a_token_is_traded_only_by_whom_it_was_meant_for,
);

const EXCHANGE: &str = "urn:ietf:params:oauth:grant-type:token-exchange";
const ACCESS_TOKEN: &str = "urn:ietf:params:oauth:token-type:access_token";

async fn an_application_acts_for_itself_within_its_roles(backend: Backend) {
    let (kit, owner) = ready(backend).await;
    let robot = |roles: Value| {
        json!({
            "name": "Robot", "redirect_uris": [], "grant_types": ["client_credentials"],
            "scopes": ["user-auth", "session-mgr"], "roles": roles,
        })
    };
    let admin = make(&kit, &owner, robot(json!(["admin"]))).await;
    let got = token(&kit, &admin, &[("grant_type", "client_credentials")]).await.expect(200).value();
    assert_eq!(got["scope"], "session-mgr user-auth");
    assert!(got.get("refresh_token").is_none() && got.get("id_token").is_none());
    let access = got["access_token"].as_str().unwrap();
    assert_eq!(claims(access)["sub"], json!(admin.id));
    let _ = kit.get("/api/users").bearer(access).send().await.expect(200);
    let member = make(&kit, &owner, robot(json!(["member"]))).await;
    let asked = [("grant_type", "client_credentials"), ("scope", "user-auth:list-users")];
    let got = token(&kit, &member, &asked).await.expect(200).value();
    let access = got["access_token"].as_str().unwrap();
    assert_eq!(kit.get("/api/users").bearer(access).send().await.expect(403).code(), "forbidden");
    for scope in ["api", "openid", "content-management", "user-auth openid"] {
        let asked = [("grant_type", "client_credentials"), ("scope", scope)];
        assert_eq!(error(&token(&kit, &member, &asked).await.expect(400)), "invalid_scope", "{scope}");
    }
}

async fn trade(kit: &Testkit, app: &App, subject: &str, more: &[(&str, &str)]) -> Reply {
    let mut pairs = vec![("grant_type", EXCHANGE), ("subject_token", subject), ("subject_token_type", ACCESS_TOKEN)];
    pairs.extend(more);
    token(kit, app, &pairs).await
}

fn trader(name: &str) -> Value {
    json!({"name": name, "grant_types": ["authorization_code", "refresh_token", EXCHANGE]})
}

async fn a_token_is_traded_for_less_and_never_for_more(backend: Backend) {
    let (kit, owner) = ready(backend).await;
    let app = make(&kit, &owner, trader("First")).await;
    let got = tokens(&kit, &app, &owner, "openid user-auth").await;
    let wide = got["access_token"].as_str().unwrap();
    kit.clock.advance(Duration::from_mins(4));
    let traded = trade(&kit, &app, wide, &[("scope", "user-auth:list-users")]).await.expect(200).value();
    assert_eq!(
        (&traded["issued_token_type"], &traded["scope"]),
        (&json!(ACCESS_TOKEN), &json!("user-auth:list-users"))
    );
    let narrow = traded["access_token"].as_str().unwrap();
    assert!(claims(narrow)["exp"].as_i64() <= claims(wide)["exp"].as_i64(), "never for longer");
    let _ = kit.get("/api/users").bearer(narrow).send().await.expect(200);
    let _ = kit.get("/api/users/me").bearer(narrow).send().await.expect(403);
    for (subject, scope) in [(wide, "api"), (wide, "content-management"), (wide, "openid"), (narrow, "user-auth")] {
        let refused = trade(&kit, &app, subject, &[("scope", scope)]).await.expect(400);
        assert_eq!(error(&refused), "invalid_scope", "{scope}");
    }
    for (name, value) in [("actor_token", "x"), ("resource", "https://x.example"), ("requested_token_type", "x")] {
        assert_eq!(error(&trade(&kit, &app, wide, &[(name, value)]).await.expect(400)), "invalid_request");
    }
}

async fn a_token_is_traded_only_by_whom_it_was_meant_for(backend: Backend) {
    let (kit, owner) = ready(backend).await;
    let first = make(&kit, &owner, trader("First")).await;
    let second = make(&kit, &owner, trader("Second")).await;
    let got = tokens(&kit, &first, &owner, "openid user-auth").await;
    let access = got["access_token"].as_str().unwrap();
    assert_eq!(error(&trade(&kit, &second, access, &[]).await.expect(400)), "invalid_grant");
    // A person's own token, a refresh token and a made-up one are nobody's to trade.
    for subject in [owner.as_str(), got["refresh_token"].as_str().unwrap(), "x.y.z"] {
        assert_eq!(error(&trade(&kit, &first, subject, &[]).await.expect(400)), "invalid_grant");
    }
    let unknown = trade(&kit, &first, access, &[("audience", "https://elsewhere.example")]).await.expect(400);
    assert_eq!(error(&unknown), "invalid_target");
    let handed = trade(&kit, &first, access, &[("audience", &second.id)]).await.expect(200).value();
    let handed = handed["access_token"].as_str().unwrap();
    assert_eq!(claims(handed)["aud"], json!(second.id));
    let _ = kit.get("/api/users").bearer(handed).send().await.expect(401);
    let on = trade(&kit, &second, handed, &[("scope", "user-auth:list-users")]).await.expect(200).value();
    assert_eq!(claims(on["access_token"].as_str().unwrap())["client_id"], json!(second.id));
}
