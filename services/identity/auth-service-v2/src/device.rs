//! Devices without a browser (RFC 8628): the device shows a short code, and the person types it in elsewhere.

use std::time::Duration;

use nexus_kernel::{Context, Principal, Resource, Timestamp};
use rand::seq::IndexedRandom;
use serde::Serialize;
use utoipa::ToSchema;

use crate::application::{Application, ApplicationId, GrantType};
use crate::authorization::scope_of;
use crate::code::{Approval, CodeHash};
use crate::error::Error;
use crate::issuer::Issuer;
use crate::limits::Counted;
use crate::oauth_error::{Code, OAuthError};
use crate::parameters::{Asker, Parameters};
use crate::person_only;
use crate::scope::Scope;
use crate::store;

/// How long a person has to answer.
const LIFETIME: Duration = Duration::from_mins(10);
/// How long a device waits between two questions, to begin with (RFC 8628 section 3.5).
const WAIT_SECONDS: i64 = 5;
/// The letters of user codes: no vowels, so that no words come about, and none that look like another (RFC 8628 section 6.1).
const LETTERS: &[u8] = b"BCDFGHJKLMNPQRSTVWXZ";
/// How many of them: with the limit on tries, guessing one within its time has a chance of one in a hundred million.
const USER_CODE_LETTERS: usize = 8;
/// How often a new user code is tried when one is taken.
const ATTEMPTS: usize = 5;

/// What a person types in, in upper case and without the hyphen.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct UserCode(pub(crate) String);

impl UserCode {
    fn generate() -> Self {
        let mut rng = rand::rng();
        let letters = (0..USER_CODE_LETTERS).filter_map(|_| LETTERS.choose(&mut rng)).map(|letter| char::from(*letter));
        Self(letters.collect())
    }

    /// What a person typed, however it was written.
    pub(crate) fn typed(text: &str) -> Option<Self> {
        let letters: String =
            text.chars().filter(char::is_ascii_alphanumeric).map(|c| c.to_ascii_uppercase()).collect();
        let ours = letters.len() == USER_CODE_LETTERS && letters.bytes().all(|letter| LETTERS.contains(&letter));
        ours.then_some(Self(letters))
    }

    /// As it is shown: `BCDF-GHJK`.
    fn shown(&self) -> String {
        let (first, second) = self.0.split_at(USER_CODE_LETTERS / 2);
        format!("{first}-{second}")
    }
}

/// Where a request of a device stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum State {
    Pending,
    Approved,
    Denied,
    Redeemed,
}

impl State {
    const ALL: [Self; 4] = [Self::Pending, Self::Approved, Self::Denied, Self::Redeemed];

    /// The name, as in SQL.
    pub(crate) const fn as_str(self) -> &'static str {
        match self {
            Self::Pending => "pending",
            Self::Approved => "approved",
            Self::Denied => "denied",
            Self::Redeemed => "redeemed",
        }
    }

    /// The one of this name.
    pub(crate) fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|state| state.as_str() == name)
    }
}

/// A request of a device.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct DeviceRequest {
    pub(crate) hash: CodeHash,
    pub(crate) user_code: UserCode,
    pub(crate) application: ApplicationId,
    pub(crate) scope: Scope,
    pub(crate) state: State,
    pub(crate) approval: Option<Approval>,
    pub(crate) wait_seconds: i64,
    pub(crate) polled_at: Option<Timestamp>,
    pub(crate) expires_at: Timestamp,
}

impl DeviceRequest {
    /// Whether the device asks sooner than it was told to.
    pub(crate) fn is_asked_too_soon(&self, now: Timestamp) -> bool {
        let wait = Duration::from_secs(self.wait_seconds.unsigned_abs());
        self.polled_at.is_some_and(|before| now.since(before) < wait)
    }
}

/// What a device is told (RFC 8628 section 3.2).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
#[schema(as = DeviceAuthorization)]
pub(crate) struct DeviceReply {
    /// What the device asks for its tokens with.
    #[schema(example = "q7Yx0mQ3nV8rT2kLw5Zb9cH4dJ6fG1sA_EpUoXyRiNM")]
    device_code: String,
    /// What it shows.
    #[schema(example = "BCDF-GHJK")]
    user_code: String,
    /// Where the person types it in.
    #[schema(example = "https://cloud.example/device")]
    verification_uri: String,
    /// The same with the code in it, for a QR code.
    #[schema(example = "https://cloud.example/device?user_code=BCDF-GHJK")]
    verification_uri_complete: String,
    /// How long the codes are good, in seconds.
    #[schema(example = 600)]
    expires_in: u64,
    /// How long the device waits between two questions, in seconds.
    #[schema(example = 5)]
    interval: i64,
}

/// A device asks.
pub(crate) async fn begin(
    context: &Context,
    asker: &Asker,
    application: &Application,
    parameters: &Parameters,
) -> Result<DeviceReply, OAuthError> {
    let counted = Counted::Devices.once_more(context, &asker.address).await;
    counted.map_err(|wait| OAuthError::too_many("too many devices ask from this address", wait))?;
    if !application.definition.has(GrantType::DeviceCode) {
        return Err(OAuthError::new(Code::UnauthorizedClient, "the application is not registered for device codes"));
    }
    let scope = scope_of(application, parameters)?;
    let device_code = context.ids.random_token();
    let mut tx = context.store.begin(application.tenant).await?;
    for _ in 0..ATTEMPTS {
        let request = DeviceRequest {
            hash: CodeHash::of(&device_code),
            user_code: UserCode::generate(),
            application: application.id,
            scope: scope.clone(),
            state: State::Pending,
            approval: None,
            wait_seconds: WAIT_SECONDS,
            polled_at: None,
            expires_at: context.clock.now().plus(LIFETIME),
        };
        if store::devices::add(&mut tx, &request).await? {
            tx.commit().await?;
            let page = Issuer::of(context).page("/device");
            let user_code = request.user_code.shown();
            return Ok(DeviceReply {
                device_code,
                verification_uri_complete: format!("{page}?user_code={user_code}"),
                verification_uri: page,
                user_code,
                expires_in: LIFETIME.as_secs(),
                interval: WAIT_SECONDS,
            });
        }
    }
    Err(OAuthError::new(Code::TemporarilyUnavailable, "too many devices wait; try again"))
}

/// A device that waits for your answer.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
#[schema(as = DeviceRequest)]
pub(crate) struct DeviceView {
    /// The application on it.
    client_id: ApplicationId,
    /// Its name.
    #[schema(example = "Living-room player")]
    application: String,
    /// What it asks for.
    #[schema(example = json!(["content-management"]))]
    scopes: Vec<String>,
}

/// What a person sees of devices, for the policies.
fn devices(principal: &Principal) -> Resource {
    Resource::all("DeviceRequest", principal.tenant)
}

/// The request that waits under what a person typed. Every try counts, as codes are short.
async fn find(context: &Context, principal: &Principal, typed: &str) -> Result<(DeviceRequest, Application), Error> {
    context.authorize(principal, "answer-device", &devices(principal))?;
    person_only(principal)?;
    Counted::UserCodes.once_more(context, &principal.user.to_string()).await.map_err(Error::TooManyCodes)?;
    let code = UserCode::typed(typed).ok_or(Error::NoSuchDevice)?;
    let mut reader = context.store.read(principal.tenant);
    let request = store::devices::by_user_code(&mut reader, &code, context.clock.now()).await?;
    let request = request.ok_or(Error::NoSuchDevice)?;
    let application = store::applications::find(&mut reader, request.application).await?;
    Ok((request, application.ok_or(Error::NoSuchDevice)?))
}

/// What waits under a code.
pub(crate) async fn view(context: &Context, principal: &Principal, typed: &str) -> Result<DeviceView, Error> {
    let (request, application) = find(context, principal, typed).await?;
    Ok(DeviceView {
        client_id: application.id,
        application: application.definition.name,
        scopes: request.scope.iter().map(str::to_owned).collect(),
    })
}

/// The person says yes.
pub(crate) async fn approve(context: &Context, principal: &Principal, typed: &str) -> Result<(), Error> {
    let (request, _) = find(context, principal, typed).await?;
    let approval = Approval::of(principal).ok_or(Error::SignInAgain(None))?;
    let mut tx = context.store.begin(principal.tenant).await?;
    if !store::devices::advance(&mut tx, &request.hash, State::Pending, State::Approved).await? {
        return Err(Error::NoSuchDevice);
    }
    store::devices::approved_by(&mut tx, &request.hash, &approval).await?;
    let before = store::consents::find(&mut tx, principal.user, request.application).await?;
    let agreed = before.map(|consent| consent.scope).unwrap_or_default().and(&request.scope);
    store::consents::put(&mut tx, principal.user, request.application, &agreed, context.clock.now()).await?;
    tx.commit().await?;
    Ok(())
}

/// The person says no.
pub(crate) async fn deny(context: &Context, principal: &Principal, typed: &str) -> Result<(), Error> {
    let (request, _) = find(context, principal, typed).await?;
    let mut tx = context.store.begin(principal.tenant).await?;
    if !store::devices::advance(&mut tx, &request.hash, State::Pending, State::Denied).await? {
        return Err(Error::NoSuchDevice);
    }
    tx.commit().await?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_code_is_read_however_it_is_typed() {
        let code = UserCode::generate();
        assert_eq!(UserCode::typed(&code.shown()), Some(code.clone()));
        assert_eq!(UserCode::typed(&code.shown().to_lowercase().replace('-', " ")), Some(code));
        for wrong in ["", "BCDF", "BCDF-GHJA", "BCDF-GHJKL", "ÄÖÜÄÖÜÄÖ"] {
            assert_eq!(UserCode::typed(wrong), None, "{wrong}");
        }
    }
}
