//! Back-channel logout (`OpenID` Connect Back-Channel Logout 1.0): an application hears from us that a session has ended.

use std::time::Duration;

use bytes::Bytes;
use futures::future::join_all;
use http::{Request, header};
use http_body_util::Full;
use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder};
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;
use nexus_contracts::session_mgr::SessionId;
use nexus_contracts::token_mgr::{SignIdToken, TokenMgr};
use nexus_kernel::config::Secret;
use nexus_kernel::store::StoreError;
use nexus_kernel::{Context, Problem, TenantId, UserId, backoff};
use serde_json::json;
use uuid::Uuid;

use crate::application::{Application, ApplicationId};
use crate::store;

/// The job that tells them.
pub(crate) const JOB: &str = "tell-applications";
/// The most notices that are read at once.
const BATCH: i64 = 100;
/// How long an application may take to answer.
const ANSWER: Duration = Duration::from_secs(10);
/// The longest wait between two attempts.
const LONGEST_WAIT: Duration = Duration::from_hours(1);
/// After this many attempts, most of a day, the application is not told any more.
const MOST_ATTEMPTS: i64 = 30;
/// How long a logout token is good (section 2.4: short).
const TOKEN_SECONDS: i64 = 120;
/// What a logout token is about.
const EVENT: &str = "http://schemas.openid.net/event/backchannel-logout";

/// Something to tell an application.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct LogoutNotice {
    pub(crate) id: Uuid,
    pub(crate) tenant: TenantId,
    pub(crate) application: ApplicationId,
    pub(crate) user: UserId,
    pub(crate) session: SessionId,
    pub(crate) attempts: i64,
}

/// What makes the calls; certificates are checked against the authorities of this machine, and nobody is sent elsewhere.
#[derive(Debug, Clone)]
pub(crate) struct Caller(Result<Client<HttpsConnector<HttpConnector>, Full<Bytes>>, String>);

impl Caller {
    pub(crate) fn new() -> Self {
        let connector = HttpsConnectorBuilder::new()
            .with_provider_and_native_roots(rustls::crypto::ring::default_provider())
            .map(|builder| builder.https_or_http().enable_http1().build());
        Self(match connector {
            Ok(connector) => Ok(Client::builder(TokioExecutor::new()).build(connector)),
            Err(error) => Err(format!("this machine's certificates can't be read: {error}")),
        })
    }

    async fn post(&self, uri: &str, token: &Secret) -> Result<(), String> {
        let client = self.0.as_ref().map_err(Clone::clone)?;
        let form =
            url::form_urlencoded::Serializer::new(String::new()).append_pair("logout_token", token.expose()).finish();
        let request = Request::post(uri)
            .header(header::CONTENT_TYPE, "application/x-www-form-urlencoded")
            .body(Full::new(Bytes::from(form)))
            .map_err(|error| error.to_string())?;
        let answer = tokio::time::timeout(ANSWER, client.request(request)).await;
        let answer = answer.map_err(|_| "no answer in time".to_owned())?.map_err(|error| error.to_string())?;
        if answer.status().is_success() { Ok(()) } else { Err(format!("it answered {}", answer.status())) }
    }
}

/// Tells every application what it has to be told now. Many at once, so that one that is slow keeps no other waiting.
pub(crate) async fn tell(context: Context) -> Result<(), Problem> {
    loop {
        let due = store::orders::due_notices(&context, BATCH).await?;
        if due.is_empty() {
            return Ok(());
        }
        for told in join_all(due.iter().map(|notice| attempt(&context, notice))).await {
            told?;
        }
    }
}

async fn attempt(context: &Context, notice: &LogoutNotice) -> Result<(), StoreError> {
    let mut reader = context.store.read(notice.tenant);
    let application = store::applications::find(&mut reader, notice.application).await?;
    let Some(application) = application else { return store::orders::forget_notice(context, notice).await };
    let Some(uri) = &application.definition.backchannel_logout_uri else {
        return store::orders::forget_notice(context, notice).await;
    };
    let told = match token(context, &application, notice).await {
        Ok(token) => context.state::<Caller>().post(uri, &token).await,
        Err(problem) => Err(problem.to_string()),
    };
    match told {
        Ok(()) => store::orders::forget_notice(context, notice).await,
        Err(error) if notice.attempts + 1 >= MOST_ATTEMPTS => {
            tracing::warn!(application = %application.id, error, "an application was never told that a session ended");
            store::orders::forget_notice(context, notice).await
        }
        Err(error) => {
            tracing::info!(application = %application.id, error, "an application could not be told yet that a session ended");
            let next = context.clock.now().plus(backoff(notice.attempts, LONGEST_WAIT));
            store::orders::postpone_notice(context, notice, next).await
        }
    }
}

/// A logout token (section 2.4).
async fn token(context: &Context, application: &Application, notice: &LogoutNotice) -> Result<Secret, Problem> {
    let claims = json!({
        "aud": application.id,
        "sub": notice.user,
        "sid": notice.session,
        "jti": notice.id,
        "exp": context.clock.now().as_seconds() + TOKEN_SECONDS,
        "events": { EVENT: {} },
    });
    let request = SignIdToken {
        claims: claims.as_object().cloned().unwrap_or_default(),
        algorithm: application.definition.id_token_signed_response_alg,
        kind: Some("logout+jwt".to_owned()),
    };
    Ok(TokenMgr::new(&context.mesh).sign_id_token(&request).await?.id_token)
}
