//! Statements about people that are meant for applications.

use jsonwebtoken::jwk::JwkSet;
use jsonwebtoken::{Algorithm, DecodingKey, Validation};
use nexus_testkit::{Backend, Reply, Testkit};
use serde_json::{Value, json};

use crate::on_each_database;
use crate::support::{alone, ask};

on_each_database!(
    an_id_token_verifies_with_the_published_key_and_names_the_public_address,
    what_is_no_id_token_is_not_signed,
    an_id_token_is_no_access_token,
);

async fn sign(kit: &Testkit, service: &str, claims: &Value, algorithm: &str, kind: Value) -> Reply {
    let body = json!({"claims": claims, "algorithm": algorithm, "kind": kind});
    ask(kit, service, "/internal/id-tokens", body).await
}

fn claims(kit: &Testkit) -> Value {
    json!({"aud": "printer", "sub": "ada", "exp": kit.now().as_seconds() + 600, "nonce": "n", "iss": "https://evil.example"})
}

async fn an_id_token_verifies_with_the_published_key_and_names_the_public_address(backend: Backend) {
    let kit = alone(backend).await;
    let keys: JwkSet = kit.get("/.well-known/jwks.json").send().await.expect(200).json();
    for (name, algorithm) in [("ES256", Algorithm::ES256), ("EdDSA", Algorithm::EdDSA)] {
        let reply = sign(&kit, "auth-service-v2", &claims(&kit), name, Value::Null).await.expect(200).value();
        let token = reply["id_token"].as_str().unwrap();
        let header = jsonwebtoken::decode_header(token).unwrap();
        assert_eq!((header.alg, header.typ.as_deref()), (algorithm, Some("JWT")));
        let key = DecodingKey::from_jwk(keys.find(&header.kid.unwrap()).unwrap()).unwrap();
        let mut validation = Validation::new(algorithm);
        validation.set_audience(&["printer"]);
        validation.set_issuer(&["http://nexus.test"]);
        let said = jsonwebtoken::decode::<Value>(token, &key, &validation).unwrap().claims;
        assert_eq!((&said["nonce"], &said["iat"]), (&json!("n"), &json!(kit.now().as_seconds())));
    }
}

async fn what_is_no_id_token_is_not_signed(backend: Backend) {
    let kit = alone(backend).await;
    let with = |name: &str, value: Value| {
        let mut claims = claims(&kit);
        claims[name] = value;
        claims
    };
    let now = kit.now().as_seconds();
    for wrong in [
        json!({}),
        with("aud", Value::Null),
        with("aud", json!("")),
        with("aud", json!([])),
        with("aud", json!([1])),
        with("exp", json!(now)),
        with("exp", json!(now + 3_601)),
        with("exp", json!("soon")),
    ] {
        let refused = sign(&kit, "auth-service-v2", &wrong, "ES256", Value::Null).await.expect(422);
        assert_eq!(refused.code(), "invalid-claims", "{wrong}");
    }
    // Nobody gets an access token signed by calling it something else.
    for kind in ["at+jwt", "AT+JWT", "application/at+jwt", ""] {
        let refused = sign(&kit, "auth-service-v2", &claims(&kit), "EdDSA", json!(kind)).await.expect(422);
        assert_eq!(refused.code(), "invalid-claims", "{kind}");
    }
    for algorithm in ["none", "HS256", "RS256", ""] {
        let _ = sign(&kit, "auth-service-v2", &claims(&kit), algorithm, Value::Null).await.expect(422);
    }
    for service in ["auth-service", "backend-api"] {
        let _ = sign(&kit, service, &claims(&kit), "ES256", Value::Null).await.expect(403);
    }
    let _ = sign(&kit, "auth-service-v2", &claims(&kit), "ES256", json!("logout+jwt")).await.expect(200);
}

async fn an_id_token_is_no_access_token(backend: Backend) {
    let kit = alone(backend).await;
    let id = uuid::Uuid::now_v7();
    let claims = json!({
        "aud": "nexus", "sub": id, "tid": id, "sid": id, "jti": id, "roles": ["owner"], "scope": "api", "client_id": "x",
        "exp": kit.now().as_seconds() + 600,
    });
    for algorithm in ["ES256", "EdDSA"] {
        let reply = sign(&kit, "auth-service-v2", &claims, algorithm, Value::Null).await.expect(200).value();
        let token = reply["id_token"].as_str().unwrap();
        let refused = kit.get("/api/tokens/personal").bearer(token).send().await.expect(401);
        assert_eq!(refused.code(), "invalid-token");
    }
}
