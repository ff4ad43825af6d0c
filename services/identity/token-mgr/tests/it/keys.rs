use std::time::Duration;

use nexus_testkit::{Backend, Testkit, eventually};
use serde_json::Value;

use crate::on_each_database;
use crate::support::{alone, issue, next_token, refresh};

on_each_database!(
    the_public_keys_are_public_and_the_private_halves_are_not,
    keys_rotate_and_the_old_one_stays_while_it_is_needed,
);

async fn keys(kit: &Testkit) -> Vec<Value> {
    let reply = kit.get("/.well-known/jwks.json").send().await.expect(200);
    reply.value()["keys"].as_array().unwrap().clone()
}

async fn the_public_keys_are_public_and_the_private_halves_are_not(backend: Backend) {
    let kit = alone(backend).await;
    let reply = kit.get("/.well-known/jwks.json").send().await.expect(200);
    assert_eq!(reply.header("cache-control"), "public, max-age=300");
    let keys = keys(&kit).await;
    let kinds: Vec<_> =
        keys.iter().map(|key| (key["kty"].as_str(), key["crv"].as_str(), key["alg"].as_str())).collect();
    assert_eq!(kinds, [(Some("OKP"), Some("Ed25519"), Some("EdDSA")), (Some("EC"), Some("P-256"), Some("ES256"))]);
    assert!(keys.iter().all(|key| key["use"] == "sig" && key.get("d").is_none()));
}

/// The key that signed an access token.
fn signer(token: &str) -> String {
    jsonwebtoken::decode_header(token).unwrap().kid.unwrap()
}

async fn keys_rotate_and_the_old_one_stays_while_it_is_needed(backend: Backend) {
    let kit = alone(backend).await;
    let (_, mut issued) = issue(&kit).await;
    let old = signer(issued.access_token.expose());
    for _ in 0..29 {
        kit.clock.advance(Duration::from_hours(24));
        issued.refresh_token =
            next_token(&refresh(&kit, issued.refresh_token.expose()).await.expect(200)).as_str().into();
    }
    kit.clock.advance(Duration::from_hours(24) - Duration::from_mins(15));
    // The next key is published before it signs.
    let published: Vec<String> = keys(&kit).await.iter().map(|key| key["kid"].as_str().unwrap().to_owned()).collect();
    assert_eq!(published.len(), 4, "the current and the next of each algorithm");
    let reply = refresh(&kit, issued.refresh_token.expose()).await.expect(200);
    assert_eq!(signer(reply.value()["access_token"].as_str().unwrap()), old);

    kit.clock.advance(Duration::from_mins(15) - Duration::from_secs(1));
    let reply = refresh(&kit, &next_token(&reply)).await.expect(200);
    kit.clock.advance(Duration::from_secs(1));
    let _ = refresh(&kit, &next_token(&reply)).await.expect(401);
    let (_, issued) = issue(&kit).await;
    assert!(published.contains(&signer(issued.access_token.expose())));
    assert_ne!(signer(issued.access_token.expose()), old);
    assert_eq!(keys(&kit).await.len(), 4);

    // When its last token has expired, the old key goes.
    kit.clock.advance(Duration::from_mins(65));
    kit.context("token-mgr").wake("rotate-keys");
    eventually("the old keys are gone", async || (keys(&kit).await.len() == 2).then_some(())).await;
    assert!(keys(&kit).await.iter().all(|key| key["kid"] != old));
}
