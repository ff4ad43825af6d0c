//! Access tokens that somebody else made.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jsonwebtoken::{Algorithm, EncodingKey, Header};
use nexus_testkit::{Backend, Testkit};
use serde_json::{Value, json};

use crate::on_each_database;
use crate::support::{alone, claims, introspect, issue};

on_each_database!(
    a_token_that_names_no_algorithm_is_refused,
    a_public_key_is_no_secret_to_sign_with,
    a_key_that_the_token_brings_along_counts_for_nothing,
    names_of_keys_that_lead_elsewhere_lead_nowhere,
);

async fn refused(kit: &Testkit, token: &str) {
    let reply = kit.get("/api/tokens/personal").bearer(token).send().await.expect(401);
    assert_eq!(reply.code(), "invalid-token", "{token}");
    assert!(reply.header("www-authenticate").contains("error=\"invalid_token\""));
    assert_eq!(introspect(kit, token).await, json!({"active": false}), "{token}");
}

/// A token with this header and the claims of a good one, and its signature.
fn forged(header: &Value, claims: &Value, signature: &str) -> String {
    let part = |value: &Value| URL_SAFE_NO_PAD.encode(serde_json::to_vec(value).unwrap());
    format!("{}.{}.{signature}", part(header), part(claims))
}

async fn a_token_that_names_no_algorithm_is_refused(backend: Backend) {
    let kit = alone(backend).await;
    let (_, issued) = issue(&kit).await;
    let good = issued.access_token.expose();
    let (said, signature) = (claims(good), good.rsplit('.').next().unwrap());
    let kid = jsonwebtoken::decode_header(good).unwrap().kid.unwrap();
    for algorithm in ["none", "None", "NONE", "nOnE", ""] {
        let header = json!({"alg": algorithm, "typ": "at+jwt", "kid": kid});
        refused(&kit, &forged(&header, &said, "")).await;
        refused(&kit, &forged(&header, &said, signature)).await;
    }
    let owner = json!({"alg": "EdDSA", "typ": "at+jwt", "kid": kid});
    let mut more = said.clone();
    more["roles"] = json!(["owner"]);
    refused(&kit, &forged(&owner, &more, signature)).await;
}

async fn a_public_key_is_no_secret_to_sign_with(backend: Backend) {
    let kit = alone(backend).await;
    let (_, issued) = issue(&kit).await;
    let said = claims(issued.access_token.expose());
    let keys = kit.get("/.well-known/jwks.json").send().await.expect(200).value();
    for key in keys["keys"].as_array().unwrap() {
        let coordinate = key["x"].as_str().unwrap();
        let (text, bytes) = (coordinate.as_bytes().to_vec(), URL_SAFE_NO_PAD.decode(coordinate).unwrap());
        for secret in [text, bytes, serde_json::to_vec(key).unwrap()] {
            for algorithm in [Algorithm::HS256, Algorithm::HS384, Algorithm::HS512] {
                let mut header = Header::new(algorithm);
                header.typ = Some("at+jwt".to_owned());
                header.kid = key["kid"].as_str().map(str::to_owned);
                let token = jsonwebtoken::encode(&header, &said, &EncodingKey::from_secret(&secret)).unwrap();
                refused(&kit, &token).await;
                // The same, under the name of the algorithm that is expected.
                let (_, rest) = token.split_once('.').unwrap();
                let header = json!({"alg": "EdDSA", "typ": "at+jwt", "kid": key["kid"]});
                let header = URL_SAFE_NO_PAD.encode(serde_json::to_vec(&header).unwrap());
                refused(&kit, &format!("{header}.{rest}")).await;
            }
        }
    }
}

async fn a_key_that_the_token_brings_along_counts_for_nothing(backend: Backend) {
    let kit = alone(backend).await;
    let (_, issued) = issue(&kit).await;
    let said = claims(issued.access_token.expose());
    let kid = jsonwebtoken::decode_header(issued.access_token.expose()).unwrap().kid.unwrap();
    let own = EncodingKey::from_ed_pem(OWN_KEY.as_bytes()).unwrap();
    let jwk = jsonwebtoken::jwk::Jwk::from_encoding_key(&own, Algorithm::EdDSA).unwrap();
    for brings in [true, false] {
        for kid in [Some(kid.clone()), None, Some("own".to_owned())] {
            let mut header = Header::new(Algorithm::EdDSA);
            header.typ = Some("at+jwt".to_owned());
            header.kid = kid;
            header.jwk = brings.then(|| jwk.clone());
            header.jku = Some("https://evil.example/jwks.json".to_owned());
            refused(&kit, &jsonwebtoken::encode(&header, &said, &own).unwrap()).await;
        }
    }
}

async fn names_of_keys_that_lead_elsewhere_lead_nowhere(backend: Backend) {
    let kit = alone(backend).await;
    let (_, issued) = issue(&kit).await;
    let said = claims(issued.access_token.expose());
    let signature = issued.access_token.expose().rsplit('.').next().unwrap().to_owned();
    let es256 = kit.get("/.well-known/jwks.json").send().await.expect(200).value()["keys"][1]["kid"].clone();
    for kid in [
        es256,
        json!("../../../../dev/null"),
        json!("' OR '1'='1"),
        json!("/internal/tokens"),
        json!(""),
        json!(1),
        json!(["a"]),
        json!({"a": 1}),
    ] {
        refused(&kit, &forged(&json!({"alg": "EdDSA", "typ": "at+jwt", "kid": kid}), &said, &signature)).await;
    }
    for typ in [json!("JWT"), json!("at+jwt "), Value::Null] {
        let kid = jsonwebtoken::decode_header(issued.access_token.expose()).unwrap().kid;
        refused(&kit, &forged(&json!({"alg": "EdDSA", "typ": typ, "kid": kid}), &said, &signature)).await;
    }
}

/// Of RFC 8410 section 10.3, which everybody knows.
const OWN_KEY: &str = "-----BEGIN PRIVATE KEY-----\nMC4CAQAwBQYDK2VwBCIEINTuctv5E1hK1bbY8fdp+K06/nwoy/HU++CXqI9EdVhC\n-----END PRIVATE KEY-----\n";
