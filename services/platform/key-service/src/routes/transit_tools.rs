//! Random bytes and hashes.

use axum::extract::Path;
use axum::routing::{post, put};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use nexus_kernel::blobs::hex;
use nexus_kernel::config::Secret;
use nexus_kernel::{Context, Resource};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha224, Sha256, Sha384, Sha512};
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;
use zeroize::Zeroizing;

use super::body::{Body, base64, number};
use super::reply::{Data, Envelope, Refusal, Refusals};
use crate::asker::Asker;
use crate::transit::Algorithm;

/// The most random bytes of one request.
const MAX_RANDOM: u32 = 128 << 10;
const STANDARD_RANDOM: u32 = 32;

/// The routes.
pub(super) fn router() -> OpenApiRouter<Context> {
    OpenApiRouter::new()
        .routes(routes!(generate_random))
        .route("/api/keys/v1/transit/random", put(generate_random))
        .route("/api/keys/v1/transit/random/{number}", post(generate_random_bytes).put(generate_random_bytes))
        .routes(routes!(hash))
        .route("/api/keys/v1/transit/hash", put(hash))
        .route("/api/keys/v1/transit/hash/{algorithm}", post(hash_by).put(hash_by))
        .route("/api/keys/v1/sys/tools/random", post(generate_random).put(generate_random))
        .route("/api/keys/v1/sys/tools/random/{number}", post(generate_random_bytes).put(generate_random_bytes))
        .route("/api/keys/v1/sys/tools/hash", post(hash).put(hash))
        .route("/api/keys/v1/sys/tools/hash/{algorithm}", post(hash_by).put(hash_by))
}

/// How bytes are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
#[schema(as = ByteFormat)]
enum Format {
    /// Hexadecimal digits.
    Hex,
    /// Base64.
    Base64,
}

impl Format {
    fn write(self, bytes: &[u8]) -> String {
        match self {
            Self::Hex => hex(bytes),
            Self::Base64 => STANDARD.encode(bytes),
        }
    }
}

/// Random bytes to make.
#[derive(Debug, Default, Deserialize, ToSchema)]
struct RandomBytes {
    /// How many; 32 where nothing is said.
    #[serde(default, deserialize_with = "number")]
    #[schema(minimum = 1, maximum = 131_072, example = 32)]
    bytes: Option<u32>,
    /// How they are written; base64 where nothing is said.
    #[serde(default)]
    format: Option<Format>,
}

/// Random bytes.
#[derive(Debug, Serialize, ToSchema)]
struct Random {
    /// The bytes, as they were asked for.
    #[schema(value_type = String, example = "3q2+7w==")]
    random_bytes: Secret,
}

/// What to hash.
#[derive(Debug, Default, Deserialize, ToSchema)]
struct HashInput {
    /// The bytes, in base64.
    #[serde(default)]
    #[schema(value_type = Option<String>, example = "aGVsbG8=")]
    input: Option<Secret>,
    /// `sha2-224`, `sha2-256`, `sha2-384` or `sha2-512`.
    #[serde(default)]
    #[schema(example = "sha2-256")]
    algorithm: Option<String>,
    /// How the sum is written; in hexadecimal digits where nothing is said.
    #[serde(default)]
    format: Option<Format>,
}

/// A hash.
#[derive(Debug, Serialize, ToSchema)]
struct Sum {
    /// The sum, as it was asked for.
    #[schema(example = "2cf24dba5fb0a30e26e83b2ac5b9e29e1b161e5c1fa7425e73043362938b9824")]
    sum: String,
}

fn tools(asker: &Asker) -> Resource {
    Resource::all("Tool", asker.principal.tenant)
}

async fn random(asker: &Asker, bytes: u32, format: Format) -> Result<Data<Random>, Refusal> {
    asker.must_be_allowed("generate-random", &tools(asker), "random").await?;
    if !(1..=MAX_RANDOM).contains(&bytes) {
        return Err(Refusal::bad_request(format!("\"bytes\" must be from 1 to {MAX_RANDOM}")));
    }
    let mut random = Zeroizing::new(vec![0; usize::try_from(bytes).unwrap_or_default()]);
    rand::fill(random.as_mut_slice());
    let text = Zeroizing::new(format.write(&random));
    Ok(Data(Random { random_bytes: Secret::from(text.as_str()) }))
}

/// Random bytes
#[utoipa::path(
    post,
    path = "/api/keys/v1/transit/random",
    operation_id = "generate_random",
    tag = "key-service",
    request_body = RandomBytes,
    responses((status = 200, description = "The bytes", body = Envelope<Random>), Refusals),
    security(("bearer" = [])),
)]
async fn generate_random(asker: Asker, Body(request): Body<RandomBytes>) -> Result<Data<Random>, Refusal> {
    random(&asker, request.bytes.unwrap_or(STANDARD_RANDOM), request.format.unwrap_or(Format::Base64)).await
}

async fn generate_random_bytes(
    asker: Asker,
    Path(number): Path<u32>,
    Body(request): Body<RandomBytes>,
) -> Result<Data<Random>, Refusal> {
    random(&asker, number, request.format.unwrap_or(Format::Base64)).await
}

async fn hashed(asker: &Asker, algorithm: &str, request: &HashInput) -> Result<Data<Sum>, Refusal> {
    asker.must_be_allowed("hash", &tools(asker), "hash").await?;
    let input = request.input.as_ref().ok_or_else(|| Refusal::bad_request("missing input"))?;
    let input = base64("input", input.expose())?;
    let sum = match Algorithm::named(algorithm)? {
        Algorithm::Sha224 => Sha224::digest(&*input).to_vec(),
        Algorithm::Sha256 => Sha256::digest(&*input).to_vec(),
        Algorithm::Sha384 => Sha384::digest(&*input).to_vec(),
        Algorithm::Sha512 => Sha512::digest(&*input).to_vec(),
    };
    Ok(Data(Sum { sum: request.format.unwrap_or(Format::Hex).write(&sum) }))
}

/// The hash of some bytes
#[utoipa::path(
    post,
    path = "/api/keys/v1/transit/hash",
    operation_id = "hash",
    tag = "key-service",
    request_body = HashInput,
    responses((status = 200, description = "The sum", body = Envelope<Sum>), Refusals),
    security(("bearer" = [])),
)]
async fn hash(asker: Asker, Body(request): Body<HashInput>) -> Result<Data<Sum>, Refusal> {
    hashed(&asker, request.algorithm.as_deref().unwrap_or_default(), &request).await
}

async fn hash_by(
    asker: Asker,
    Path(algorithm): Path<String>,
    Body(request): Body<HashInput>,
) -> Result<Data<Sum>, Refusal> {
    hashed(&asker, &algorithm, &request).await
}
