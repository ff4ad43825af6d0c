//! What keys are given and what comes of it: one input, or many in one request.

use std::collections::BTreeMap;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use nexus_kernel::config::Secret;
use serde::{Deserialize, Serialize};
use utoipa::openapi::{RefOr, Response};
use utoipa::{IntoResponses, ToSchema};
use zeroize::Zeroizing;

use super::body::{base64, number};
use super::reply::{Envelope, Errors, Refusals, refusal};
use crate::error::Error;
use crate::transit::{Algorithm, Plain, Sealed, Token, Unlocked};

/// One input. Which fields it has depends on what is asked for.
#[derive(Debug, Default, Deserialize, ToSchema)]
#[schema(as = KeyInput)]
pub(super) struct Input {
    /// What to encrypt, in base64.
    #[serde(default)]
    #[schema(value_type = Option<String>, example = "aGVsbG8=")]
    pub(super) plaintext: Option<Secret>,
    /// What to decrypt or to encrypt anew.
    #[serde(default)]
    #[schema(example = "vault:v1:AAAA")]
    pub(super) ciphertext: Option<String>,
    /// What to authenticate, in base64.
    #[serde(default, rename = "input")]
    #[schema(value_type = Option<String>, example = "aGVsbG8=")]
    pub(super) authenticated: Option<Secret>,
    /// The authentication code to compare with.
    #[serde(default)]
    #[schema(example = "vault:v1:AAAA")]
    pub(super) hmac: Option<String>,
    /// What the key is derived for, in base64; for keys with `derived`.
    #[serde(default)]
    #[schema(example = "dGVuYW50")]
    pub(super) context: Option<String>,
    /// What has to be told again to decrypt, in base64.
    #[serde(default)]
    #[schema(example = "cm93IDE=")]
    pub(super) associated_data: Option<String>,
    /// The version to use; the latest where none is named.
    #[serde(default, deserialize_with = "number")]
    pub(super) key_version: Option<u32>,
    /// Comes back with the result.
    #[serde(default)]
    pub(super) reference: Option<String>,
}

/// One input, or many.
#[derive(Debug, Default, Deserialize, ToSchema)]
pub(super) struct UseKey {
    #[serde(flatten)]
    pub(super) input: Input,
    /// Many inputs; what stands beside them is then not read.
    #[serde(default)]
    pub(super) batch_input: Option<Vec<Input>>,
    /// For authentication codes: `sha2-224`, `sha2-256`, `sha2-384` or `sha2-512`.
    #[serde(default, alias = "hash_algorithm")]
    #[schema(example = "sha2-256")]
    pub(super) algorithm: Option<String>,
    /// The status when some of many inputs failed: 200 or 400, as also where none is named.
    #[serde(default, deserialize_with = "number")]
    pub(super) partial_failure_response_code: Option<u32>,
}

/// What came of one input.
#[derive(Debug, Default, Serialize, ToSchema)]
#[schema(as = KeyOutput)]
pub(super) struct Output {
    /// The ciphertext.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(example = "vault:v1:AAAA")]
    pub(super) ciphertext: Option<String>,
    /// The plaintext, in base64.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>, example = "aGVsbG8=")]
    pub(super) plaintext: Option<Secret>,
    /// The authentication code.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(example = "vault:v1:AAAA")]
    pub(super) hmac: Option<String>,
    /// Whether the authentication code is the input's.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) valid: Option<bool>,
    /// The version that was used.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) key_version: Option<u32>,
    /// What is wrong with this input.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) error: Option<String>,
    /// The input's own.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) reference: Option<String>,
}

/// What came of one input, or of many in their order.
#[derive(Debug, Default, Serialize, ToSchema)]
#[schema(as = KeyUse)]
pub(super) struct Used {
    #[serde(flatten)]
    pub(super) output: Output,
    /// What came of each of many inputs.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) batch_results: Option<Vec<Output>>,
}

/// A request of which nothing came, or not of all of its inputs.
#[derive(Serialize, ToSchema)]
#[serde(untagged)]
#[expect(dead_code, reason = "describes what is answered, for the API document")]
pub(super) enum RefusedUse {
    /// What is wrong.
    Whole(Errors),
    /// What came of each input.
    Parts(Box<Envelope<Used>>),
}

/// What using a key may answer beside its result, for the API document.
pub(super) struct UseRefusals;

impl IntoResponses for UseRefusals {
    fn responses() -> BTreeMap<String, RefOr<Response>> {
        let mut responses = Refusals::responses();
        let why = "The request breaks a rule, which is named; or some inputs do, each of which says so";
        responses.insert("400".to_owned(), refusal(why, &RefusedUse::name()));
        responses
    }
}

impl Input {
    fn optional(field: &str, text: Option<&String>) -> Result<Zeroizing<Vec<u8>>, Error> {
        base64(field, text.map_or("", String::as_str))
    }

    fn context(&self) -> Result<Zeroizing<Vec<u8>>, Error> {
        Self::optional("context", self.context.as_ref())
    }

    fn associated_data(&self) -> Result<Zeroizing<Vec<u8>>, Error> {
        Self::optional("associated_data", self.associated_data.as_ref())
    }

    fn ciphertext(&self) -> Result<Token, Error> {
        let missing = || Error::invalid("missing ciphertext");
        self.ciphertext.as_deref().filter(|text| !text.is_empty()).ok_or_else(missing)?.parse()
    }

    fn to_authenticate(&self) -> Result<Zeroizing<Vec<u8>>, Error> {
        base64("input", self.authenticated.as_ref().ok_or_else(|| Error::invalid("missing input for HMAC"))?.expose())
    }
}

pub(super) fn encrypted(key: &Unlocked, input: &Input) -> Result<Output, Error> {
    let missing = || Error::invalid("missing plaintext to encrypt");
    let plaintext = base64("plaintext", input.plaintext.as_ref().ok_or_else(missing)?.expose())?;
    let (context, associated_data) = (input.context()?, input.associated_data()?);
    let version = input.key_version.unwrap_or(0);
    let token =
        key.encrypt(&Plain { plaintext: &plaintext, context: &context, associated_data: &associated_data, version })?;
    Ok(Output { ciphertext: Some(token.to_string()), key_version: Some(token.version), ..Output::default() })
}

fn opened(key: &Unlocked, input: &Input) -> Result<Zeroizing<Vec<u8>>, Error> {
    let (token, context, associated_data) = (input.ciphertext()?, input.context()?, input.associated_data()?);
    key.decrypt(&Sealed { token: &token, context: &context, associated_data: &associated_data })
}

pub(super) fn decrypted(key: &Unlocked, input: &Input) -> Result<Output, Error> {
    let plaintext = Zeroizing::new(STANDARD.encode(&*opened(key, input)?));
    Ok(Output { plaintext: Some(Secret::from(plaintext.as_str())), ..Output::default() })
}

pub(super) fn rewrapped(key: &Unlocked, input: &Input) -> Result<Output, Error> {
    let plaintext = opened(key, input)?;
    let (context, associated_data) = (input.context()?, input.associated_data()?);
    let version = input.key_version.unwrap_or(0);
    let token =
        key.encrypt(&Plain { plaintext: &plaintext, context: &context, associated_data: &associated_data, version })?;
    Ok(Output { ciphertext: Some(token.to_string()), key_version: Some(token.version), ..Output::default() })
}

pub(super) fn authenticated(key: &Unlocked, algorithm: Algorithm, input: &Input) -> Result<Output, Error> {
    let token = key.authenticate(algorithm, input.key_version.unwrap_or(0), &input.to_authenticate()?)?;
    Ok(Output { hmac: Some(token.to_string()), ..Output::default() })
}

pub(super) fn verified(key: &Unlocked, algorithm: Algorithm, input: &Input) -> Result<Output, Error> {
    let token = input.hmac.as_ref().ok_or_else(|| Error::invalid("missing hmac to verify"))?.parse()?;
    Ok(Output { valid: Some(key.verify(algorithm, &token, &input.to_authenticate()?)?), ..Output::default() })
}
