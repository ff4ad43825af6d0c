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
    assert_eq!(keys.len(), 1);
    assert_eq!(
        (keys[0]["kty"].as_str(), keys[0]["crv"].as_str(), keys[0]["use"].as_str()),
        (Some("OKP"), Some("Ed25519"), Some("sig"))
    );
    assert!(keys[0].get("d").is_none());
}

/// The key that signed an access token.
fn signer(token: &str) -> String {
    jsonwebtoken::decode_header(token).unwrap().kid.unwrap()
}

async fn keys_rotate_and_the_old_one_stays_while_it_is_needed(backend: Backend) {
    let kit = alone(backend).await;
    let (_, issued) = issue(&kit).await;
    let old = signer(issued.access_token.expose());
    kit.clock.advance(Duration::from_hours(30 * 24) - Duration::from_mins(15));
    // The next key is published before it signs.
    let published: Vec<String> = keys(&kit).await.iter().map(|key| key["kid"].as_str().unwrap().to_owned()).collect();
    assert_eq!(published.len(), 2);
    let reply = refresh(&kit, issued.refresh_token.expose()).await.expect(200);
    assert_eq!(signer(reply.value()["access_token"].as_str().unwrap()), old);

    kit.clock.advance(Duration::from_mins(15) - Duration::from_secs(1));
    let reply = refresh(&kit, &next_token(&reply)).await.expect(200);
    kit.clock.advance(Duration::from_secs(1));
    let _ = refresh(&kit, &next_token(&reply)).await.expect(401);
    let (_, issued) = issue(&kit).await;
    assert!(published.contains(&signer(issued.access_token.expose())));
    assert_ne!(signer(issued.access_token.expose()), old);
    assert_eq!(keys(&kit).await.len(), 2);

    // When its last token has expired, the old key goes.
    kit.clock.advance(Duration::from_mins(10));
    kit.context("token-mgr").wake("rotate-keys");
    eventually("the old key is gone", async || (keys(&kit).await.len() == 1).then_some(())).await;
    assert_ne!(keys(&kit).await[0]["kid"], old);
}
