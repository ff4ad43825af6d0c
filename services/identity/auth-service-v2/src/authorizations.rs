//! What becomes of an authorization request: pushed, brought by a browser, shown to the person, answered.

use nexus_kernel::config::Secret;
use nexus_kernel::{Context, Principal};
use serde::Serialize;
use utoipa::ToSchema;

use crate::application::{Application, ApplicationId};
use crate::authorization::{
    Asked, Authorization, BrowserHash, Destination, LIFETIME, PUSHED_LIFETIME, Prompt, REQUEST_URI, cookie_name,
};
use crate::client_authentication;
use crate::code::{Approval, Code};
use crate::error::Error;
use crate::issuer::Issuer;
use crate::limits::Counted;
use crate::oauth_error::{self, OAuthError};
use crate::parameters::{Asker, Parameters};
use crate::person_only;
use crate::store;

/// Where the cookie of a request is sent to.
const COOKIE_PATH: &str = "/api/auth/v2/authorizations";

/// Where a browser goes next.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Step {
    pub(crate) location: String,
    pub(crate) set_cookie: Option<String>,
}

/// Counts one more request of an address, as each is kept for a while.
pub(crate) async fn count(context: &Context, asker: &Asker) -> Result<(), OAuthError> {
    let counted = Counted::Authorizations.once_more(context, &asker.address).await;
    counted.map_err(|wait| OAuthError::too_many("too many requests from this address", wait))
}

/// Keeps an application's request until a browser comes for it (RFC 9126). Its address, and how long it is kept.
pub(crate) async fn push(
    context: &Context,
    application: &Application,
    parameters: &Parameters,
) -> Result<(String, u64), OAuthError> {
    if parameters.get("request_uri").is_some() {
        return Err(OAuthError::invalid_request("a pushed request can't name another one"));
    }
    let destination = Destination::of(application, parameters)?;
    let asked = Asked::of(application, &destination, parameters)?;
    let id = context.ids.random_token();
    let mut tx = context.store.begin(application.tenant).await?;
    let until = context.clock.now().plus(PUSHED_LIFETIME);
    store::authorizations::push(&mut tx, &id, application.id, &asked, until).await?;
    tx.commit().await?;
    Ok((format!("{REQUEST_URI}{id}"), PUSHED_LIFETIME.as_secs()))
}

/// Takes the request that a browser brings, and sends the browser to the console. What is wrong goes back to the application
/// once it is known where that is, and is an error to the browser before.
pub(crate) async fn begin(context: &Context, parameters: &Parameters) -> Result<Step, OAuthError> {
    let client_id = parameters.require("client_id")?;
    let application = client_authentication::find(context, client_id)
        .await?
        .ok_or_else(|| OAuthError::invalid_request("there is no application with this client_id"))?;
    if let Some(uri) = parameters.get("request_uri") {
        let asked = take_pushed(context, &application, uri).await?;
        return keep(context, &application, asked).await;
    }
    let destination = Destination::of(&application, parameters)?;
    match asked_openly(&application, &destination, parameters) {
        Ok(asked) => keep(context, &application, asked).await,
        Err(error) => Ok(refused(context, &destination, &error)),
    }
}

/// What a request asks for that everybody on its way could read and change.
fn asked_openly(
    application: &Application,
    destination: &Destination,
    parameters: &Parameters,
) -> Result<Asked, OAuthError> {
    if application.definition.require_pushed_authorization_requests {
        return Err(OAuthError::invalid_request("this application must push its requests"));
    }
    Asked::of(application, destination, parameters)
}

fn refused(context: &Context, destination: &Destination, error: &OAuthError) -> Step {
    Step { location: destination.refusal(Issuer::of(context).name(), error), set_cookie: None }
}

async fn take_pushed(context: &Context, application: &Application, uri: &str) -> Result<Asked, OAuthError> {
    let refused =
        || OAuthError::new(oauth_error::Code::InvalidRequestUri, "the pushed request is unknown, used or too old");
    let id = uri.strip_prefix(REQUEST_URI).ok_or_else(refused)?;
    let mut tx = context.store.begin(application.tenant).await?;
    let asked = store::authorizations::take_pushed(&mut tx, id, application.id, context.clock.now()).await?;
    tx.commit().await?;
    asked.ok_or_else(refused)
}

async fn keep(context: &Context, application: &Application, asked: Asked) -> Result<Step, OAuthError> {
    let now = context.clock.now();
    let issuer = Issuer::of(context);
    let browser = Secret::from(context.ids.random_token().as_str());
    let authorization = Authorization {
        id: context.ids.random_token(),
        tenant: application.tenant,
        application: application.id,
        asked,
        browser: BrowserHash::of(&browser),
        created_at: now,
        expires_at: now.plus(LIFETIME),
    };
    let mut tx = context.store.begin(application.tenant).await?;
    store::authorizations::add(&mut tx, &authorization).await?;
    tx.commit().await?;
    let set_cookie = format!(
        "{}={}; Max-Age={}; Path={COOKIE_PATH}; HttpOnly; SameSite=Lax{}",
        cookie_name(&authorization.id),
        browser.expose(),
        LIFETIME.as_secs(),
        issuer.cookie_attributes(),
    );
    let location = issuer.page(&format!("/authorize?request={}", authorization.id));
    Ok(Step { location, set_cookie: Some(set_cookie) })
}

/// What an application asks of you.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
#[schema(as = Authorization)]
pub(crate) struct AuthorizationView {
    /// The application.
    client_id: ApplicationId,
    /// Its name.
    #[schema(example = "Newsroom")]
    application: String,
    /// Where the browser goes with the answer.
    #[schema(example = "https://newsroom.example/callback")]
    redirect_uri: String,
    /// What it asks for.
    #[schema(example = json!(["email", "openid"]))]
    scopes: Vec<String>,
    /// What it wants of the sign-in.
    prompt: Prompt,
    /// Who it thinks that you are, to fill in the form.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(example = "ada@example.com")]
    login_hint: Option<String>,
    /// Whether somebody is signed in who can answer.
    #[schema(example = true)]
    signed_in: bool,
    /// Whether the person has to sign in again before the answer is taken.
    #[schema(example = false)]
    sign_in_again: bool,
    /// Whether the person has to be asked, or has agreed before.
    #[schema(example = true)]
    consent_needed: bool,
}

/// Where the browser goes with the answer.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
#[schema(as = AuthorizationAnswer)]
pub(crate) struct Answer {
    /// The address.
    #[schema(example = "https://newsroom.example/callback?code=x&state=y&iss=https%3A%2F%2Fcloud.example")]
    redirect_to: String,
}

/// A request that this browser brought and that waits for its answer, with its application.
async fn open(context: &Context, id: &str, browser: Option<&Secret>) -> Result<(Authorization, Application), Error> {
    let authorization = store::authorizations::open(context, id).await?.ok_or(Error::NoSuchAuthorization)?;
    let same = browser.is_some_and(|cookie| BrowserHash::of(cookie).is(&authorization.browser));
    if !same {
        return Err(Error::NoSuchAuthorization);
    }
    let mut reader = context.store.read(authorization.tenant);
    let application = store::applications::find(&mut reader, authorization.application).await?;
    Ok((authorization, application.ok_or(Error::NoSuchAuthorization)?))
}

/// What the request is, for the page that asks the person.
pub(crate) async fn view(
    context: &Context,
    id: &str,
    browser: Option<&Secret>,
    principal: Option<&Principal>,
) -> Result<AuthorizationView, Error> {
    let (authorization, application) = open(context, id, browser).await?;
    let signed_in = match principal {
        Some(principal) => context.allows(Some(principal), "approve", &authorization.resource())?,
        None => false,
    };
    let agreed = match principal.filter(|_| signed_in) {
        Some(principal) => {
            let mut reader = context.store.read(authorization.tenant);
            store::consents::find(&mut reader, principal.user, application.id).await?
        }
        None => None,
    };
    let now = context.clock.now();
    Ok(AuthorizationView {
        client_id: application.id,
        redirect_uri: authorization.asked.redirect_uri.clone(),
        scopes: authorization.asked.scope().iter().map(str::to_owned).collect(),
        prompt: authorization.asked.prompt,
        login_hint: authorization.asked.login_hint.clone(),
        signed_in,
        sign_in_again: principal.is_some_and(|principal| !authorization.accepts_sign_in(principal, now)),
        consent_needed: authorization.needs_consent(&application, agreed.map(|consent| consent.scope).as_ref()),
        application: application.definition.name,
    })
}

/// The person says yes. For a request that wants nothing shown, what would have to be is a refusal.
pub(crate) async fn approve(
    context: &Context,
    id: &str,
    browser: Option<&Secret>,
    principal: &Principal,
) -> Result<Answer, Error> {
    let (authorization, application) = open(context, id, browser).await?;
    context.authorize(principal, "approve", &authorization.resource())?;
    person_only(principal)?;
    let now = context.clock.now();
    let silent = authorization.asked.prompt == Prompt::None;
    let approval = Approval::of(principal).filter(|_| authorization.accepts_sign_in(principal, now));
    let Some(approval) = approval else {
        if silent {
            return refuse(context, &authorization, oauth_error::Code::LoginRequired, "the person has to sign in")
                .await;
        }
        return Err(Error::SignInAgain(authorization.asked.max_age));
    };
    let mut tx = context.store.begin(authorization.tenant).await?;
    let before = store::consents::find(&mut tx, principal.user, application.id).await?.map(|consent| consent.scope);
    if silent && authorization.needs_consent(&application, before.as_ref()) {
        drop(tx);
        return refuse(context, &authorization, oauth_error::Code::ConsentRequired, "the person has to agree").await;
    }
    if !store::authorizations::answer(&mut tx, &authorization.id, now).await? {
        return Err(Error::NoSuchAuthorization);
    }
    let agreed = before.unwrap_or_default().and(&authorization.asked.scope());
    store::consents::put(&mut tx, principal.user, application.id, &agreed, now).await?;
    let text = context.ids.random_token();
    store::codes::add(&mut tx, &Code::new(&text, &authorization, approval, now)).await?;
    tx.commit().await?;
    let redirect_to = authorization.asked.destination().answer(Issuer::of(context).name(), &[("code", &text)]);
    Ok(Answer { redirect_to })
}

/// The person says no, or nobody is signed in who could say anything.
pub(crate) async fn deny(
    context: &Context,
    id: &str,
    browser: Option<&Secret>,
    principal: Option<&Principal>,
) -> Result<Answer, Error> {
    let (authorization, _) = open(context, id, browser).await?;
    match principal {
        Some(_) => refuse(context, &authorization, oauth_error::Code::AccessDenied, "the person said no").await,
        None => refuse(context, &authorization, oauth_error::Code::LoginRequired, "nobody is signed in").await,
    }
}

/// Answers a request with a refusal.
async fn refuse(
    context: &Context,
    authorization: &Authorization,
    code: oauth_error::Code,
    why: &str,
) -> Result<Answer, Error> {
    let mut tx = context.store.begin(authorization.tenant).await?;
    if !store::authorizations::answer(&mut tx, &authorization.id, context.clock.now()).await? {
        return Err(Error::NoSuchAuthorization);
    }
    tx.commit().await?;
    let error = OAuthError::new(code, why);
    let redirect_to = authorization.asked.destination().refusal(Issuer::of(context).name(), &error);
    Ok(Answer { redirect_to })
}
