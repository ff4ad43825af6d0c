//! Keys in use: encrypt, decrypt, rewrap, data keys, authentication codes; one input, or many in one request.

use std::sync::Arc;

use axum::extract::Path;
use axum::response::{IntoResponse, Response};
use axum::routing::put;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use http::StatusCode;
use nexus_kernel::Context;
use nexus_kernel::config::Secret;
use serde::Deserialize;
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;
use zeroize::Zeroizing;

use super::body::{Body, number};
use super::reply::{Data, Envelope, Refusal};
use super::transit_inputs::{
    Input, Output, UseKey, UseRefusals, Used, authenticated, decrypted, encrypted, rewrapped, verified,
};
use crate::asker::Asker;
use crate::audit::{self, Line};
use crate::error::Error;
use crate::transit::{self, Algorithm, Unlocked};

/// The most inputs of one request.
const MAX_BATCH: usize = 10_000;

/// The routes.
pub(super) fn router() -> OpenApiRouter<Context> {
    OpenApiRouter::new()
        .routes(routes!(encrypt))
        .route("/api/keys/v1/transit/encrypt/{name}", put(encrypt))
        .routes(routes!(decrypt))
        .route("/api/keys/v1/transit/decrypt/{name}", put(decrypt))
        .routes(routes!(rewrap))
        .route("/api/keys/v1/transit/rewrap/{name}", put(rewrap))
        .routes(routes!(generate_data_key))
        .route("/api/keys/v1/transit/datakey/{kind}/{name}", put(generate_data_key))
        .routes(routes!(generate_hmac))
        .route("/api/keys/v1/transit/hmac/{name}", put(generate_hmac))
        .routes(routes!(generate_hmac_by))
        .route("/api/keys/v1/transit/hmac/{name}/{algorithm}", put(generate_hmac_by))
        .routes(routes!(verify_hmac))
        .route("/api/keys/v1/transit/verify/{name}", put(verify_hmac))
        .routes(routes!(verify_hmac_by))
        .route("/api/keys/v1/transit/verify/{name}/{algorithm}", put(verify_hmac_by))
}

/// Does the work for each input, once the policies allow it, and puts it down before the results are given out.
async fn used(
    asker: &Asker,
    name: &str,
    action: &'static str,
    request: UseKey,
    work: impl Fn(&Unlocked, &Input) -> Result<Output, Error>,
) -> Result<Response, Refusal> {
    let key = ready_key(asker, name, action).await?;
    let one = |input: &Input| match work(&key, input) {
        Ok(output) => Output { reference: input.reference.clone(), ..output },
        Err(error) => {
            Output { error: Some(error.to_string()), reference: input.reference.clone(), ..Output::default() }
        }
    };
    let outputs: Vec<Output> = match &request.batch_input {
        Some(inputs) if (1..=MAX_BATCH).contains(&inputs.len()) => inputs.iter().map(one).collect(),
        Some(_) => return Err(Refusal::bad_request(format!("a batch has 1 to {MAX_BATCH} inputs"))),
        None => vec![one(&request.input)],
    };
    let failed = outputs.iter().any(|output| output.error.is_some());
    let version = outputs.iter().find_map(|output| output.key_version).unwrap_or(key.key.latest_version);
    let line = Line::of(asker, action, &format!("transit/{name}")).version(version).number(outputs.len());
    audit::write(&asker.context, if failed { line.failed() } else { line }).await?;
    reply(&request, outputs, failed)
}

fn reply(request: &UseKey, mut outputs: Vec<Output>, failed: bool) -> Result<Response, Refusal> {
    if request.batch_input.is_none() {
        let output = outputs.pop().unwrap_or_default();
        return match output.error {
            Some(error) => Err(Refusal::bad_request(error)),
            None => Ok(Data(Used { output, batch_results: None }).into_response()),
        };
    }
    let mut response = Data(Used { output: Output::default(), batch_results: Some(outputs) }).into_response();
    if failed {
        let fails = request.partial_failure_response_code != Some(200);
        *response.status_mut() = if fails { StatusCode::BAD_REQUEST } else { StatusCode::OK };
    }
    Ok(response)
}

/// A key that the asker may use like this.
async fn ready_key(asker: &Asker, name: &str, action: &'static str) -> Result<Arc<Unlocked>, Refusal> {
    let found = transit::unlock(&asker.context, asker.principal.tenant, name).await;
    let key = found.map_err(|error| match error {
        Error::NotFound => Refusal::bad_request("encryption key not found"),
        error => error.into(),
    })?;
    asker.must_be_allowed(action, &key.key.resource(), &format!("transit/{name}")).await?;
    Ok(key)
}

/// Encrypt
#[utoipa::path(
    post,
    path = "/api/keys/v1/transit/encrypt/{name}",
    operation_id = "encrypt",
    tag = "key-service",
    params(("name" = String, Path, description = "The key's name", example = "orders")),
    request_body = UseKey,
    responses((status = 200, description = "The ciphertext, and the version that made it", body = Envelope<Used>), UseRefusals),
    security(("bearer" = [])),
)]
async fn encrypt(asker: Asker, Path(name): Path<String>, Body(request): Body<UseKey>) -> Result<Response, Refusal> {
    used(&asker, &name, "encrypt", request, encrypted).await
}

/// Decrypt
#[utoipa::path(
    post,
    path = "/api/keys/v1/transit/decrypt/{name}",
    operation_id = "decrypt",
    tag = "key-service",
    params(("name" = String, Path, description = "The key's name", example = "orders")),
    request_body = UseKey,
    responses((status = 200, description = "The plaintext, in base64", body = Envelope<Used>), UseRefusals),
    security(("bearer" = [])),
)]
async fn decrypt(asker: Asker, Path(name): Path<String>, Body(request): Body<UseKey>) -> Result<Response, Refusal> {
    used(&asker, &name, "decrypt", request, decrypted).await
}

/// Encrypt anew with the latest version, without showing the plaintext
#[utoipa::path(
    post,
    path = "/api/keys/v1/transit/rewrap/{name}",
    operation_id = "rewrap",
    tag = "key-service",
    params(("name" = String, Path, description = "The key's name", example = "orders")),
    request_body = UseKey,
    responses((status = 200, description = "The new ciphertext", body = Envelope<Used>), UseRefusals),
    security(("bearer" = [])),
)]
async fn rewrap(asker: Asker, Path(name): Path<String>, Body(request): Body<UseKey>) -> Result<Response, Refusal> {
    used(&asker, &name, "encrypt", request, rewrapped).await
}

/// A data key to make.
#[derive(Debug, Default, Deserialize, ToSchema)]
struct DataKey {
    /// Its length in bits: 128, 256 or 512.
    #[serde(default, deserialize_with = "number")]
    #[schema(example = 256)]
    bits: Option<u32>,
    /// What the key is derived for, in base64; for keys with `derived`.
    #[serde(default)]
    #[schema(example = "dGVuYW50")]
    context: Option<String>,
}

/// Make a key for use elsewhere, encrypted by this one
#[utoipa::path(
    post,
    path = "/api/keys/v1/transit/datakey/{kind}/{name}",
    operation_id = "generate_data_key",
    tag = "key-service",
    params(
        ("kind" = String, Path, description = "`plaintext` to get it also in the clear, or `wrapped`", example = "wrapped"),
        ("name" = String, Path, description = "The key's name", example = "orders"),
    ),
    request_body = DataKey,
    responses((status = 200, description = "The data key", body = Envelope<Used>), UseRefusals),
    security(("bearer" = [])),
)]
async fn generate_data_key(
    asker: Asker,
    Path((kind, name)): Path<(String, String)>,
    Body(request): Body<DataKey>,
) -> Result<Response, Refusal> {
    let shows = match kind.as_str() {
        "plaintext" => true,
        "wrapped" => false,
        _ => return Err(Refusal::bad_request("the path must end in datakey/plaintext or datakey/wrapped")),
    };
    let bytes = match request.bits.unwrap_or(256) {
        bits @ (128 | 256 | 512) => usize::try_from(bits / 8).unwrap_or(32),
        _ => return Err(Refusal::bad_request("invalid bit length: 128, 256 or 512")),
    };
    let random = Zeroizing::new(rand::random::<[u8; 64]>());
    let plaintext = Zeroizing::new(STANDARD.encode(&random[..bytes]));
    let plaintext = Secret::from(plaintext.as_str());
    let input = Input { plaintext: Some(plaintext.clone()), context: request.context, ..Input::default() };
    let request = UseKey { input, ..UseKey::default() };
    used(&asker, &name, "encrypt", request, |key, input| {
        Ok(Output { plaintext: shows.then(|| plaintext.clone()), ..encrypted(key, input)? })
    })
    .await
}

async fn generate(asker: &Asker, name: &str, algorithm: &str, request: UseKey) -> Result<Response, Refusal> {
    let algorithm = Algorithm::named(algorithm)?;
    used(asker, name, "authenticate", request, |key, input| authenticated(key, algorithm, input)).await
}

async fn verify(asker: &Asker, name: &str, algorithm: &str, request: UseKey) -> Result<Response, Refusal> {
    let algorithm = Algorithm::named(algorithm)?;
    used(asker, name, "authenticate", request, |key, input| verified(key, algorithm, input)).await
}

/// Make an authentication code (HMAC)
#[utoipa::path(
    post,
    path = "/api/keys/v1/transit/hmac/{name}",
    operation_id = "generate_hmac",
    tag = "key-service",
    params(("name" = String, Path, description = "The key's name", example = "orders")),
    request_body = UseKey,
    responses((status = 200, description = "The code", body = Envelope<Used>), UseRefusals),
    security(("bearer" = [])),
)]
async fn generate_hmac(
    asker: Asker,
    Path(name): Path<String>,
    Body(request): Body<UseKey>,
) -> Result<Response, Refusal> {
    let algorithm = request.algorithm.clone().unwrap_or_default();
    generate(&asker, &name, &algorithm, request).await
}

/// Make an authentication code with this hash function
#[utoipa::path(
    post,
    path = "/api/keys/v1/transit/hmac/{name}/{algorithm}",
    operation_id = "generate_hmac_by",
    tag = "key-service",
    params(
        ("name" = String, Path, description = "The key's name", example = "orders"),
        ("algorithm" = String, Path, description = "`sha2-224`, `sha2-256`, `sha2-384` or `sha2-512`", example = "sha2-512"),
    ),
    request_body = UseKey,
    responses((status = 200, description = "The code", body = Envelope<Used>), UseRefusals),
    security(("bearer" = [])),
)]
async fn generate_hmac_by(
    asker: Asker,
    Path((name, algorithm)): Path<(String, String)>,
    Body(request): Body<UseKey>,
) -> Result<Response, Refusal> {
    generate(&asker, &name, &algorithm, request).await
}

/// Whether an authentication code is an input's
#[utoipa::path(
    post,
    path = "/api/keys/v1/transit/verify/{name}",
    operation_id = "verify_hmac",
    tag = "key-service",
    params(("name" = String, Path, description = "The key's name", example = "orders")),
    request_body = UseKey,
    responses((status = 200, description = "Whether it is", body = Envelope<Used>), UseRefusals),
    security(("bearer" = [])),
)]
async fn verify_hmac(asker: Asker, Path(name): Path<String>, Body(request): Body<UseKey>) -> Result<Response, Refusal> {
    let algorithm = request.algorithm.clone().unwrap_or_default();
    verify(&asker, &name, &algorithm, request).await
}

/// Whether an authentication code with this hash function is an input's
#[utoipa::path(
    post,
    path = "/api/keys/v1/transit/verify/{name}/{algorithm}",
    operation_id = "verify_hmac_by",
    tag = "key-service",
    params(
        ("name" = String, Path, description = "The key's name", example = "orders"),
        ("algorithm" = String, Path, description = "`sha2-224`, `sha2-256`, `sha2-384` or `sha2-512`", example = "sha2-512"),
    ),
    request_body = UseKey,
    responses((status = 200, description = "Whether it is", body = Envelope<Used>), UseRefusals),
    security(("bearer" = [])),
)]
async fn verify_hmac_by(
    asker: Asker,
    Path((name, algorithm)): Path<(String, String)>,
    Body(request): Body<UseKey>,
) -> Result<Response, Refusal> {
    verify(&asker, &name, &algorithm, request).await
}
