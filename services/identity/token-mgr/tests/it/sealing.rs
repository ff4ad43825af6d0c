//! The seeds of the signing keys, at rest.

use nexus_kernel::store::{Query, Scope, Value};
use nexus_kernel::{Service, params};
use nexus_testkit::{Backend, Testkit};
use serde_json::json;

use crate::on_each_database;
use crate::support::{introspect, issue, next_token, refresh};

on_each_database!(
    seeds_are_sealed_and_open_again_after_a_restart,
    a_seed_from_before_is_sealed_at_the_next_start,
    without_its_seals_the_service_says_why_it_is_not_ready,
);

fn services() -> Vec<Service> {
    vec![token_mgr::service(), key_service::service()]
}

struct Stored {
    sealed: Vec<Option<String>>,
    seeds: Vec<Option<Vec<u8>>>,
}

async fn stored(kit: &Testkit) -> Stored {
    let store = &kit.context("token-mgr").store;
    let sql = "SELECT sealed, seed FROM signing_keys ORDER BY algorithm, generation";
    let rows = store.read(Scope::System).rows(sql, Vec::<Value>::new()).await.unwrap();
    Stored {
        sealed: rows.iter().map(|row| row.get("sealed").unwrap()).collect(),
        seeds: rows.iter().map(|row| row.get("seed").unwrap()).collect(),
    }
}

async fn seeds_are_sealed_and_open_again_after_a_restart(backend: Backend) {
    let kit = Testkit::start(backend, services()).await;
    let (_, issued) = issue(&kit).await;
    let keys = kit.get("/.well-known/jwks.json").send().await.expect(200).value();
    let before = stored(&kit).await;
    assert_eq!(before.sealed.len(), 2);
    assert!(before.sealed.iter().all(Option::is_some) && before.seeds.iter().all(Option::is_none));

    let kit = kit.restart(services()).await;
    assert_eq!(kit.get("/.well-known/jwks.json").send().await.expect(200).value(), keys);
    assert_eq!(introspect(&kit, issued.access_token.expose()).await["active"], true);
    let _ = refresh(&kit, issued.refresh_token.expose()).await.expect(200);
    assert_eq!(stored(&kit).await.sealed, before.sealed);
}

/// As it was stored before seeds were sealed.
async fn a_seed_from_before_is_sealed_at_the_next_start(backend: Backend) {
    let kit = Testkit::start(backend, services()).await;
    let mut tx = kit.context("token-mgr").store.begin(Scope::System).await.unwrap();
    let old = params!["old", vec![7_u8; 32], kit.now()];
    tx.execute("DELETE FROM signing_keys WHERE algorithm = 'EdDSA'", Vec::new()).await.unwrap();
    tx.execute(
        "INSERT INTO signing_keys (kid, algorithm, generation, seed, active_from) VALUES ($1, 'EdDSA', 1, $2, $3)",
        old,
    )
    .await
    .unwrap();
    tx.commit().await.unwrap();

    let kit = kit.restart(services()).await;
    let (_, issued) = issue(&kit).await;
    let header = jsonwebtoken::decode_header(issued.access_token.expose()).unwrap();
    assert_eq!(header.kid.as_deref(), Some("old"));
    let now = stored(&kit).await;
    assert!(now.sealed.iter().all(Option::is_some) && now.seeds.iter().all(Option::is_none));
    let kit = kit.restart(services()).await;
    let next = refresh(&kit, issued.refresh_token.expose()).await.expect(200);
    assert_eq!(introspect(&kit, &next_token(&next)).await["active"], true);
}

/// As where key-service has lost its keys, or those of another installation.
async fn without_its_seals_the_service_says_why_it_is_not_ready(backend: Backend) {
    let kit = Testkit::start(backend, services()).await;
    let (_, issued) = issue(&kit).await;
    let ready = kit.request_to("token-mgr", http::Method::GET, "/health/ready").send().await.expect(200);
    assert!(ready.text().contains("signing keys"), "{}", ready.text());
    // The kit's own keeper opens nothing that key-service has sealed.
    let kit = kit.restart(vec![token_mgr::service()]).await;
    let ready = kit.request_to("token-mgr", http::Method::GET, "/health/ready").send().await.expect(503);
    assert!(ready.text().contains("key-service has to run in this installation"), "{}", ready.text());
    let refused = refresh(&kit, issued.refresh_token.expose()).await.expect(500);
    assert_eq!(refused.value()["code"], json!("internal"));
    // What could not be signed was not spent.
    let kit = kit.restart(services()).await;
    let _ = refresh(&kit, issued.refresh_token.expose()).await.expect(200);
}
