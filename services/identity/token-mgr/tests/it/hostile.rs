use nexus_testkit::Backend;
use serde_json::json;

use crate::on_each_database;
use crate::support::{alone, issue, refresh};

on_each_database!(
    what_is_no_refresh_token_gets_nothing,
    what_is_no_request_is_refused_by_name,
    internal_doors_are_shut
);

async fn what_is_no_refresh_token_gets_nothing(backend: Backend) {
    let kit = alone(backend).await;
    let (_, issued) = issue(&kit).await;
    let good = issued.refresh_token.expose();
    let reversed: String = good.chars().rev().collect();
    for token in [
        "",
        "x",
        &reversed,
        &good[..42],
        &format!("{good}A"),
        issued.access_token.expose(),
        "' OR '1'='1",
        &"A".repeat(500_000),
    ] {
        assert_eq!(refresh(&kit, token).await.expect(401).code(), "invalid-refresh-token");
    }
    for cookie in ["", "nexus_refresh=", "nexus_refresh=x; nexus_refresh=y", "other=1", ";;;=;"] {
        let refused = kit.post("/api/tokens/refresh").header("cookie", cookie).send().await.expect(401);
        assert_eq!(refused.code(), "invalid-refresh-token", "{cookie}");
    }
    let _ = kit.post("/api/tokens/refresh").send().await.expect(401);
    // None of that touched the family.
    let _ = refresh(&kit, good).await.expect(200);
}

async fn what_is_no_request_is_refused_by_name(backend: Backend) {
    let kit = alone(backend).await;
    for body in
        [json!({"refresh_token": 1}), json!({"refresh_token": ["x"]}), json!({"token": "x"}), json!([1]), json!("x")]
    {
        let refused = kit.post("/api/tokens/refresh").json(&body).send().await.expect(422);
        assert_eq!(refused.code(), "validation-failed", "{body}");
    }
    let send = |kind: &'static str, body: &'static str| {
        kit.post("/api/tokens/refresh").header("content-type", kind).bytes(body).send()
    };
    assert_eq!(send("application/json", "{").await.expect(400).code(), "invalid-json");
    assert_eq!(send("text/plain", "refresh_token=x").await.expect(415).code(), "unsupported-media-type");
    let _ = kit.get("/api/tokens/refresh").send().await.expect(405);
    let _ = kit.post("/.well-known/jwks.json").send().await.expect(405);
}

async fn internal_doors_are_shut(backend: Backend) {
    let kit = alone(backend).await;
    let (person, issued) = issue(&kit).await;
    let others = ["tokens", "tokens/introspect", "tokens/revoke", "refresh", "step-up", "access-tokens", "id-tokens"];
    let others = others.map(|door| format!("/internal/{door}"));
    let (family, account) = (person.session, person.user);
    let named = [format!("/internal/families/{family}/revoke"), format!("/internal/accounts/{account}/changed")];
    for path in others.into_iter().chain(named) {
        let asked = kit.request_to("token-mgr", http::Method::POST, &path).bearer(issued.access_token.expose());
        assert_eq!(asked.json(json!({})).send().await.expect(404).code(), "not-found");
    }
    let _ = refresh(&kit, issued.refresh_token.expose()).await.expect(200);
}
