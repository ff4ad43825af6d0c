//! Tokens that look good and are not.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use nexus_kernel::Role;
use serde_json::{Value, json};

use super::system::System;

/// Each with the name of the trick.
pub(super) async fn all(system: &System) -> Vec<(&'static str, String)> {
    let good = system.colleague(Role::Owner).to_owned();
    let [header, payload, signature] = good.split('.').collect::<Vec<_>>().try_into().unwrap();
    let expiring = system.stranger(system.kit.now().plus(std::time::Duration::from_secs(1))).await;
    system.kit.clock.advance(std::time::Duration::from_secs(2));
    let with = |name: &str, value: Value| encoded(&changed(header, name, value));
    let none = with("alg", json!("none"));
    let symmetric = with("alg", json!("HS256"));
    let unknown_key = with("kid", json!("0199b3a2-7c1e-7d40-8a51-3f0e6b9d2c11"));
    let own_key =
        with("jwk", json!({"kty": "OKP", "crv": "Ed25519", "x": "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"}));
    let audience = encoded(&changed(payload, "aud", json!("another-cloud")));
    let roles = encoded(&changed(payload, "exp", json!(4_102_444_800_i64)));
    vec![
        ("nonsense", "nonsense".to_owned()),
        ("an expired token", expiring),
        ("a token without a signature", format!("{header}.{payload}.")),
        ("alg none", format!("{none}.{payload}.")),
        ("alg none with a signature", format!("{none}.{payload}.{signature}")),
        ("alg HS256", format!("{symmetric}.{payload}.{signature}")),
        ("another key's name", format!("{unknown_key}.{payload}.{signature}")),
        ("a key of its own", format!("{own_key}.{payload}.{signature}")),
        ("another audience", format!("{header}.{audience}.{signature}")),
        ("a longer life", format!("{header}.{roles}.{signature}")),
        ("a cut signature", format!("{header}.{payload}.{}", &signature[..signature.len() - 4])),
    ]
}

/// A part of a token with one claim or header parameter changed.
fn changed(part: &str, name: &str, value: Value) -> Value {
    let mut claims: Value = serde_json::from_slice(&URL_SAFE_NO_PAD.decode(part).unwrap()).unwrap();
    claims[name] = value;
    claims
}

fn encoded(claims: &Value) -> String {
    URL_SAFE_NO_PAD.encode(claims.to_string())
}
