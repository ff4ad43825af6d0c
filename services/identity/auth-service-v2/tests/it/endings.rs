//! What tokens are, that they end, and that people sign out.

use std::net::Ipv4Addr;
use std::sync::{Arc, Mutex};

use axum::Router;
use axum::extract::State;
use axum::routing::post as on_post;
use http::StatusCode;
use nexus_testkit::{Backend, Testkit, eventually};
use serde_json::{Value, json};
use tokio::net::TcpListener;

use crate::on_each_database;
use crate::support::{App, claims, error, form, make, post, ready, sent, sign_in, token, tokens};

on_each_database!(
    a_token_is_explained_to_applications_that_show_who_they_are,
    an_application_ends_its_own_tokens_and_no_others,
    a_person_signs_out_where_the_application_sends_them,
    nobody_is_sent_where_the_application_did_not_register,
    applications_hear_of_the_end_however_long_it_takes,
    a_grant_for_offline_use_outlives_signing_out,
    taking_back_a_yes_ends_the_applications_sessions,
    removing_an_application_ends_what_it_does,
);

async fn introspect(kit: &Testkit, app: &App, token: &str) -> Value {
    post(kit, "/oauth2/introspect", Some(&app.basic()), &[("token", token)]).await.expect(200).value()
}

async fn refreshes(kit: &Testkit, app: &App, refresh_token: &str) -> Result<String, String> {
    let reply = token(kit, app, &[("grant_type", "refresh_token"), ("refresh_token", refresh_token)]).await;
    match reply.status.as_u16() {
        200 => Ok(reply.value()["refresh_token"].as_str().unwrap().to_owned()),
        _ => Err(error(&reply)),
    }
}

/// Waits until a grant has ended. A token that is still good is spent on the way: what follows is its successor, never the same
/// token twice, so that it is the end that refuses and not the reuse.
async fn until_ended(kit: &Testkit, app: &App, refresh_token: &Value) {
    let mut refresh_token = refresh_token.as_str().unwrap().to_owned();
    eventually("the grant ends", async || match refreshes(kit, app, &refresh_token).await {
        Ok(next) => {
            refresh_token = next;
            None
        }
        Err(error) => {
            assert_eq!(error, "invalid_grant");
            Some(())
        }
    })
    .await;
}

async fn a_token_is_explained_to_applications_that_show_who_they_are(backend: Backend) {
    let (kit, owner) = ready(backend).await;
    let app = make(&kit, &owner, json!({})).await;
    let public = make(&kit, &owner, json!({"token_endpoint_auth_method": "none"})).await;
    let got = tokens(&kit, &app, &owner, "openid email").await;
    let access = got["access_token"].as_str().unwrap();
    let said = introspect(&kit, &app, access).await;
    assert_eq!(
        (&said["active"], &said["client_id"], &said["scope"]),
        (&json!(true), &json!(app.id), &json!("email openid"))
    );
    assert_eq!((&said["sub"], &said["token_type"]), (&claims(&owner)["sub"], &json!("Bearer")));
    let refresh = introspect(&kit, &app, got["refresh_token"].as_str().unwrap()).await;
    assert_eq!(refresh["active"], true);
    for unknown in ["x", "a.b.c", "nxp_made-up", got["id_token"].as_str().unwrap()] {
        assert_eq!(introspect(&kit, &app, unknown).await, json!({"active": false}), "{unknown}");
    }
    let refused = post(&kit, "/oauth2/introspect", None, &[("token", access), ("client_id", &public.id)]).await;
    assert_eq!(error(&refused.expect(401)), "invalid_client");
    let _ = post(&kit, "/oauth2/introspect", None, &[("token", access)]).await.expect(401);
}

async fn an_application_ends_its_own_tokens_and_no_others(backend: Backend) {
    let (kit, owner) = ready(backend).await;
    let (app, other) = (make(&kit, &owner, json!({})).await, make(&kit, &owner, json!({})).await);
    let got = tokens(&kit, &app, &owner, "openid").await;
    let (access, refresh) = (got["access_token"].as_str().unwrap(), got["refresh_token"].as_str().unwrap());
    for token in [access, refresh, "unknown"] {
        let _ = post(&kit, "/oauth2/revoke", Some(&other.basic()), &[("token", token)]).await.expect(200);
    }
    assert_eq!(introspect(&kit, &app, access).await["active"], true);
    let _ = post(&kit, "/oauth2/revoke", Some(&app.basic()), &[("token", access)]).await.expect(200);
    assert_eq!(introspect(&kit, &app, access).await["active"], false);
    let _ = post(&kit, "/oauth2/revoke", Some(&app.basic()), &[("token", refresh)]).await.expect(200);
    assert_eq!(refreshes(&kit, &app, refresh).await, Err("invalid_grant".to_owned()));
    let _ = post(&kit, "/oauth2/revoke", None, &[("token", refresh)]).await.expect(401);
}

async fn a_person_signs_out_where_the_application_sends_them(backend: Backend) {
    let (kit, owner) = ready(backend).await;
    let app = make(&kit, &owner, json!({})).await;
    let got = tokens(&kit, &app, &owner, "openid").await;
    // People sign out long after their ID token has expired.
    kit.clock.advance(std::time::Duration::from_mins(6));
    let hint = got["id_token"].as_str().unwrap();
    let query = form(&[
        ("id_token_hint", hint),
        ("client_id", &app.id),
        ("post_logout_redirect_uri", "https://rp.example/bye"),
        ("state", "s-2"),
    ]);
    let reply = kit.get(&format!("/oauth2/logout?{query}")).send().await.expect(303);
    let (page, parameters) = sent(&reply);
    assert_eq!((page.as_str(), parameters["state"].as_str()), ("https://rp.example/bye", "s-2"));
    until_ended(&kit, &app, &got["refresh_token"]).await;
    let again = sign_in(&kit).await;
    let list = kit.get("/api/sessions").bearer(&again).send().await.expect(200).value();
    assert_eq!(list["items"].as_array().unwrap().len(), 1, "the person's own session has ended as well: {list}");
    // Once more is done already.
    let _ = kit.get(&format!("/oauth2/logout?{}", form(&[("id_token_hint", hint)]))).send().await.expect(303);
}

async fn nobody_is_sent_where_the_application_did_not_register(backend: Backend) {
    let (kit, owner) = ready(backend).await;
    let (app, other) = (make(&kit, &owner, json!({})).await, make(&kit, &owner, json!({})).await);
    let got = tokens(&kit, &app, &owner, "openid").await;
    let hint = got["id_token"].as_str().unwrap();
    let (head, _) = hint.rsplit_once('.').unwrap();
    let forged = format!("{head}.{}", "A".repeat(86));
    for pairs in [
        vec![],
        vec![("post_logout_redirect_uri", "https://rp.example/bye"), ("client_id", app.id.as_str())],
        vec![("id_token_hint", hint), ("post_logout_redirect_uri", "https://evil.example/")],
        vec![("id_token_hint", hint), ("post_logout_redirect_uri", "https://rp.example/bye@evil.example")],
        vec![("id_token_hint", hint), ("post_logout_redirect_uri", "//evil.example")],
        vec![("id_token_hint", hint), ("client_id", other.id.as_str())],
        vec![("id_token_hint", forged.as_str())],
        vec![("id_token_hint", got["access_token"].as_str().unwrap())],
        vec![("id_token_hint", owner.as_str())],
    ] {
        let refused = kit.get(&format!("/oauth2/logout?{}", form(&pairs))).send().await.expect(400);
        assert_eq!(error(&refused), "invalid_request", "{pairs:?}");
        assert_eq!(refused.header("location"), "");
    }
    assert!(refreshes(&kit, &app, got["refresh_token"].as_str().unwrap()).await.is_ok(), "nobody was signed out");
}

/// A relying party that is down for a while, and what it was told.
async fn relying_party() -> (String, Arc<Mutex<Vec<String>>>) {
    let told = Arc::new(Mutex::new(Vec::new()));
    let hear = |State(told): State<Arc<Mutex<Vec<String>>>>, body: String| async move {
        let mut told = told.lock().unwrap();
        told.push(body);
        if told.len() == 1 { StatusCode::SERVICE_UNAVAILABLE } else { StatusCode::OK }
    };
    let router = Router::new().route("/backchannel", on_post(hear)).with_state(Arc::clone(&told));
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
    let address = format!("http://{}/backchannel", listener.local_addr().unwrap());
    tokio::spawn(async move { axum::serve(listener, router).await });
    (address, told)
}

async fn applications_hear_of_the_end_however_long_it_takes(backend: Backend) {
    let (kit, owner) = ready(backend).await;
    let (address, told) = relying_party().await;
    let app = make(&kit, &owner, json!({"backchannel_logout_uri": address})).await;
    let got = tokens(&kit, &app, &owner, "openid").await;
    // The person's own session ends, and the application's with it.
    let _ = kit.post("/api/auth/logout").bearer(&owner).send().await.expect(204);
    let heard = eventually("the application is told once more after it was down", async || {
        // The wait before the second attempt is by the services' clock.
        kit.clock.advance(std::time::Duration::from_secs(1));
        let told = told.lock().unwrap().clone();
        (told.len() >= 2).then_some(told)
    })
    .await;
    let token = heard[1].strip_prefix("logout_token=").unwrap();
    let header = jsonwebtoken::decode_header(token).unwrap();
    assert_eq!(header.typ.as_deref(), Some("logout+jwt"));
    let (said, id) = (claims(token), claims(got["id_token"].as_str().unwrap()));
    assert_eq!((&said["aud"], &said["sub"], &said["sid"]), (&id["aud"], &id["sub"], &id["sid"]));
    assert!(
        said["events"]["http://schemas.openid.net/event/backchannel-logout"].is_object() && said.get("nonce").is_none()
    );
    until_ended(&kit, &app, &got["refresh_token"]).await;
}

async fn a_grant_for_offline_use_outlives_signing_out(backend: Backend) {
    let (kit, owner) = ready(backend).await;
    let app = make(&kit, &owner, json!({})).await;
    let online = tokens(&kit, &app, &owner, "openid").await;
    let offline = tokens(&kit, &app, &owner, "openid offline_access").await;
    let _ = kit.post("/api/auth/logout").bearer(&owner).send().await.expect(204);
    until_ended(&kit, &app, &online["refresh_token"]).await;
    let next = refreshes(&kit, &app, offline["refresh_token"].as_str().unwrap()).await.unwrap();
    let owner = sign_in(&kit).await;
    let _ = kit.delete("/api/sessions").bearer(&owner).send().await.expect(204);
    until_ended(&kit, &app, &json!(next)).await;
}

async fn taking_back_a_yes_ends_the_applications_sessions(backend: Backend) {
    let (kit, owner) = ready(backend).await;
    let (app, other) = (make(&kit, &owner, json!({})).await, make(&kit, &owner, json!({})).await);
    let got = tokens(&kit, &app, &owner, "openid").await;
    let kept = tokens(&kit, &other, &owner, "openid").await;
    let path = format!("/api/auth/v2/consents/{}", app.id);
    let _ = kit.delete(&path).bearer(&owner).send().await.expect(204);
    until_ended(&kit, &app, &got["refresh_token"]).await;
    assert!(refreshes(&kit, &other, kept["refresh_token"].as_str().unwrap()).await.is_ok());
}

async fn removing_an_application_ends_what_it_does(backend: Backend) {
    let (kit, owner) = ready(backend).await;
    let (app, other) = (make(&kit, &owner, json!({})).await, make(&kit, &owner, json!({})).await);
    let got = tokens(&kit, &app, &owner, "openid").await;
    let path = format!("/api/auth/v2/applications/{}", app.id);
    let _ = kit.delete(&path).bearer(&owner).send().await.expect(204);
    assert_eq!(refreshes(&kit, &app, got["refresh_token"].as_str().unwrap()).await, Err("invalid_client".to_owned()));
    eventually("its tokens end", async || {
        let said = introspect(&kit, &other, got["access_token"].as_str().unwrap()).await;
        (said["active"] == false).then_some(())
    })
    .await;
}
