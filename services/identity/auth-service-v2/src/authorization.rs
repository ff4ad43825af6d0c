//! An authorization request (RFC 6749 section 4.1.1, `OpenID` Connect Core section 3.1.2.1): what an application asks a person for.

use std::time::Duration;

use nexus_kernel::blobs::hex;
use nexus_kernel::config::Secret;
use nexus_kernel::{Principal, Resource, TenantId, Timestamp};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq;
use utoipa::ToSchema;

use crate::application::{Application, ApplicationId, GrantType};
use crate::oauth_error::{Code, OAuthError};
use crate::parameters::Parameters;
use crate::pkce::Challenge;
use crate::redirect_uri;
use crate::scope::{OFFLINE_ACCESS, Scope};

/// How long a person has to answer.
pub(crate) const LIFETIME: Duration = Duration::from_mins(10);
/// How long a pushed request waits for its browser (RFC 9126 section 2.2).
pub(crate) const PUSHED_LIFETIME: Duration = Duration::from_mins(1);
/// What a pushed request's address begins with.
pub(crate) const REQUEST_URI: &str = "urn:ietf:params:oauth:request_uri:";
/// The longest text that is carried for an application, in bytes.
const MAX_BYTES: usize = 2_000;

/// What an application wants of the sign-in itself (`OpenID` Connect Core section 3.1.2.1).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Prompt {
    /// Whatever is needed.
    #[default]
    Usual,
    /// Nothing is shown: what needs a person fails.
    None,
    /// The person signs in again.
    Login,
    /// The person agrees again.
    Consent,
    /// Both.
    #[serde(rename = "login consent")]
    LoginAndConsent,
}

impl Prompt {
    fn of(parameters: &Parameters) -> Result<Self, OAuthError> {
        let wanted: Vec<&str> =
            parameters.get("prompt").unwrap_or_default().split(' ').filter(|word| !word.is_empty()).collect();
        match wanted.as_slice() {
            // Which account it is, the console shows and lets change.
            [] | ["select_account"] => Ok(Self::Usual),
            ["none"] => Ok(Self::None),
            ["login"] | ["login", "select_account"] | ["select_account", "login"] => Ok(Self::Login),
            ["consent"] | ["consent", "select_account"] | ["select_account", "consent"] => Ok(Self::Consent),
            ["login", "consent"] | ["consent", "login"] => Ok(Self::LoginAndConsent),
            _ => Err(OAuthError::invalid_request("prompt must be none, login, consent or select_account")),
        }
    }

    fn wants_login(self) -> bool {
        matches!(self, Self::Login | Self::LoginAndConsent)
    }

    fn wants_consent(self) -> bool {
        matches!(self, Self::Consent | Self::LoginAndConsent)
    }
}

/// What is asked for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Asked {
    pub(crate) redirect_uri: String,
    pub(crate) scope: String,
    pub(crate) state: Option<String>,
    pub(crate) nonce: Option<String>,
    pub(crate) challenge: String,
    pub(crate) prompt: Prompt,
    pub(crate) max_age: Option<u32>,
    pub(crate) login_hint: Option<String>,
    /// The key that the tokens will be bound to (RFC 9449 section 10).
    pub(crate) dpop_jkt: Option<String>,
}

/// Where an answer to a request goes: known as soon as the address is, whatever else is wrong.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Destination {
    pub(crate) redirect_uri: String,
    pub(crate) state: Option<String>,
}

impl Destination {
    /// The address that a request names, when the application registered it. Before this nothing may be sent anywhere.
    pub(crate) fn of(application: &Application, parameters: &Parameters) -> Result<Self, OAuthError> {
        let registered = &application.definition.redirect_uris;
        let redirect_uri = match (parameters.get("redirect_uri"), registered.as_slice()) {
            (Some(asked), _) => {
                registered.iter().any(|uri| redirect_uri::matches(uri, asked)).then(|| asked.to_owned())
            }
            (None, [only]) => Some(only.clone()),
            (None, _) => None,
        };
        let redirect_uri = redirect_uri
            .ok_or_else(|| OAuthError::invalid_request("redirect_uri is not one that the application registered"))?;
        let state = parameters.get("state").filter(|state| state.len() <= MAX_BYTES).map(str::to_owned);
        Ok(Self { redirect_uri, state })
    }

    /// Where the browser goes with a refusal (RFC 6749 section 4.1.2.1).
    pub(crate) fn refusal(&self, issuer: &str, error: &OAuthError) -> String {
        self.answer(issuer, &[("error", error.code().as_str()), ("error_description", error.description())])
    }

    /// Where the browser goes with this answer. It says who answers, so that an application that works with several issuers can't
    /// take one's answer for another's (RFC 9207).
    pub(crate) fn answer(&self, issuer: &str, answer: &[(&str, &str)]) -> String {
        let mut parameters = answer.to_vec();
        parameters.extend(self.state.as_deref().map(|state| ("state", state)));
        parameters.push(("iss", issuer));
        redirect_uri::with(&self.redirect_uri, &parameters)
    }
}

impl Asked {
    /// What a request asks for, when this application may ask for it.
    pub(crate) fn of(
        application: &Application,
        destination: &Destination,
        parameters: &Parameters,
    ) -> Result<Self, OAuthError> {
        if !application.definition.has(GrantType::AuthorizationCode) {
            return Err(OAuthError::new(
                Code::UnauthorizedClient,
                "the application is not registered for authorization_code",
            ));
        }
        if parameters.get("request").is_some() {
            return Err(OAuthError::new(Code::RequestNotSupported, "push the request instead: see RFC 9126"));
        }
        if parameters.require("response_type")? != "code" {
            return Err(OAuthError::new(Code::UnsupportedResponseType, "response_type must be code"));
        }
        if parameters.get("response_mode").is_some_and(|mode| mode != "query") {
            return Err(OAuthError::invalid_request("response_mode must be query"));
        }
        let challenge = Challenge::of(parameters)?;
        let scope = scope_of(application, parameters)?;
        let text = |name: &str| match parameters.get(name) {
            Some(value) if value.len() > MAX_BYTES => Err(OAuthError::invalid_request(format!("{name} is too long"))),
            value => Ok(value.map(str::to_owned)),
        };
        text("state")?;
        let max_age = parameters.get("max_age").map(str::parse).transpose();
        Ok(Self {
            redirect_uri: destination.redirect_uri.clone(),
            scope: scope.to_string(),
            state: destination.state.clone(),
            nonce: text("nonce")?,
            challenge: challenge.0,
            prompt: Prompt::of(parameters)?,
            max_age: max_age.map_err(|_| OAuthError::invalid_request("max_age must be a number of seconds"))?,
            login_hint: text("login_hint")?,
            dpop_jkt: text("dpop_jkt")?,
        })
    }

    /// Where the answer goes.
    pub(crate) fn destination(&self) -> Destination {
        Destination { redirect_uri: self.redirect_uri.clone(), state: self.state.clone() }
    }

    /// The scopes.
    pub(crate) fn scope(&self) -> Scope {
        Scope::stored(&self.scope)
    }
}

/// The scopes that a request asks for: what it names, or all that a person can be asked for at once when it names none.
pub(crate) fn scope_of(application: &Application, parameters: &Parameters) -> Result<Scope, OAuthError> {
    let most = application.definition.scope();
    let scope = match parameters.get("scope") {
        Some(text) => Scope::parse(text).map_err(|why| OAuthError::new(Code::InvalidScope, why))?,
        None => most.without(OFFLINE_ACCESS),
    };
    if scope.is_empty() || !scope.is_within(&most) {
        return Err(OAuthError::new(Code::InvalidScope, "the application is not registered for these scopes"));
    }
    Ok(scope)
}

/// An authorization request that a browser brought.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Authorization {
    pub(crate) id: String,
    pub(crate) tenant: TenantId,
    pub(crate) application: ApplicationId,
    pub(crate) asked: Asked,
    pub(crate) browser: BrowserHash,
    pub(crate) created_at: Timestamp,
    pub(crate) expires_at: Timestamp,
}

impl Authorization {
    /// What policies see of it.
    pub(crate) fn resource(&self) -> Resource {
        Resource::new("Authorization", &self.id).tenant(self.tenant)
    }

    /// Whether this person's sign-in is fresh enough for what is asked.
    pub(crate) fn accepts_sign_in(&self, principal: &Principal, now: Timestamp) -> bool {
        // Tokens tell the moment in whole seconds.
        let asked_at = Timestamp::from_seconds(self.created_at.as_seconds());
        let at_login = self.asked.prompt.wants_login().then_some(asked_at);
        let by_age = self.asked.max_age.map(|age| now.minus(Duration::from_secs(u64::from(age) + 1)));
        match (at_login.max(by_age), principal.authenticated_at) {
            (None, _) => true,
            (Some(earliest), Some(authenticated_at)) => authenticated_at >= earliest,
            (Some(_), None) => false,
        }
    }

    /// Whether the person has to be asked, given what they agreed to before.
    pub(crate) fn needs_consent(&self, application: &Application, before: Option<&Scope>) -> bool {
        let agreed = before.is_some_and(|before| self.asked.scope().is_within(before));
        let recognised = application.definition.is_recognised_at(&self.asked.redirect_uri);
        !agreed || !recognised || self.asked.prompt.wants_consent()
    }
}

/// What the store knows of the browser that brought a request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct BrowserHash(pub(crate) String);

impl BrowserHash {
    /// Of a cookie's value.
    pub(crate) fn of(cookie: &Secret) -> Self {
        Self(hex(&Sha256::digest(cookie.expose().as_bytes())))
    }

    /// Whether it is the same browser.
    pub(crate) fn is(&self, other: &Self) -> bool {
        self.0.as_bytes().ct_eq(other.0.as_bytes()).into()
    }
}

/// The name of the cookie that binds a request to its browser: one a request, so that two tabs do not disturb each other.
pub(crate) fn cookie_name(id: &str) -> String {
    let hash = hex(&Sha256::digest(id.as_bytes()));
    format!("nexus_authorization_{}", &hash[..16])
}
