//! What the provider says of itself (RFC 8414, `OpenID` Connect Discovery): no more than what it does.

use nexus_contracts::token_mgr::SigningAlgorithm;
use nexus_kernel::Context;
use nexus_kernel::store::StoreError;
use serde_json::{Value, json};

use crate::application::GrantType;
use crate::issuer::Issuer;
use crate::jose;
use crate::scope::{API, OF_PERSONS};
use crate::store;

/// The description; one document for both addresses, as each standard ignores what is the other's.
pub(crate) async fn document(context: &Context) -> Result<Value, StoreError> {
    let issuer = Issuer::of(context);
    let algorithms = jose::algorithm_names();
    let mut scopes = OF_PERSONS.to_vec();
    scopes.push(API);
    let mut document = json!({
        "issuer": issuer.name(),
        "authorization_endpoint": issuer.endpoint("authorize"),
        "token_endpoint": issuer.endpoint("token"),
        "userinfo_endpoint": issuer.endpoint("userinfo"),
        "jwks_uri": issuer.page("/.well-known/jwks.json"),
        "introspection_endpoint": issuer.endpoint("introspect"),
        "revocation_endpoint": issuer.endpoint("revoke"),
        "device_authorization_endpoint": issuer.endpoint("device_authorization"),
        "pushed_authorization_request_endpoint": issuer.endpoint("par"),
        "end_session_endpoint": issuer.endpoint("logout"),
        "response_types_supported": ["code"],
        "response_modes_supported": ["query"],
        "grant_types_supported": GrantType::ALL.map(GrantType::as_str),
        "scopes_supported": scopes,
        "subject_types_supported": ["public"],
        "claims_supported": [
            "sub", "iss", "aud", "exp", "iat", "auth_time", "nonce", "amr", "sid",
            "name", "updated_at", "email", "email_verified", "groups", "roles",
        ],
        "id_token_signing_alg_values_supported":
            [SigningAlgorithm::ES256.as_str(), SigningAlgorithm::EdDSA.as_str()],
        "token_endpoint_auth_methods_supported": ["client_secret_basic", "client_secret_post", "private_key_jwt", "none"],
        "token_endpoint_auth_signing_alg_values_supported": algorithms,
        "introspection_endpoint_auth_methods_supported":
            ["client_secret_basic", "client_secret_post", "private_key_jwt"],
        "introspection_endpoint_auth_signing_alg_values_supported": algorithms,
        "revocation_endpoint_auth_methods_supported":
            ["client_secret_basic", "client_secret_post", "private_key_jwt", "none"],
        "revocation_endpoint_auth_signing_alg_values_supported": algorithms,
        "code_challenge_methods_supported": ["S256"],
        "dpop_signing_alg_values_supported": algorithms,
        "prompt_values_supported": ["none", "login", "consent", "select_account"],
        "authorization_response_iss_parameter_supported": true,
        "require_pushed_authorization_requests": false,
        "request_parameter_supported": false,
        "request_uri_parameter_supported": false,
        "claims_parameter_supported": false,
        "backchannel_logout_supported": true,
        "backchannel_logout_session_supported": true,
    });
    if store::registration::any(context).await? {
        document["registration_endpoint"] = json!(issuer.endpoint("register"));
    }
    Ok(document)
}
