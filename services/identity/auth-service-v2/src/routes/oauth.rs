//! The protocol's endpoints, `/oauth2/*`.

use axum::Json;
use axum::extract::State;
use axum::response::{AppendHeaders, IntoResponse, Response};
use http::{HeaderMap, Method, StatusCode, header};
use nexus_kernel::Context;
use serde_json::{Value, json};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::authorizations::{self, Step};
use crate::client_authentication::{authenticate, authenticate_confidential};
use crate::device::{self, DeviceReply};
use crate::oauth_error::{OAuthError, OAuthErrorBody};
use crate::parameters::{Asker, Either, Form};
use crate::tokens::{self, TokenReply};
use crate::{endings, userinfo};

/// The routes.
pub(super) fn router() -> OpenApiRouter<Context> {
    OpenApiRouter::new()
        .routes(routes!(authorize, authorize_by_form))
        .routes(routes!(push))
        .routes(routes!(token))
        .routes(routes!(get_userinfo, post_userinfo))
        .routes(routes!(introspect))
        .routes(routes!(revoke))
        .routes(routes!(device_authorization))
        .routes(routes!(log_out, log_out_by_form))
}

/// What must not be kept by anybody on the way.
fn not_kept(body: impl IntoResponse) -> Response {
    ([(header::CACHE_CONTROL, "no-store"), (header::PRAGMA, "no-cache")], body).into_response()
}

/// The browser goes there, with a GET whatever it came with.
fn see_other(step: Step) -> Response {
    let cookie = AppendHeaders(step.set_cookie.map(|value| (header::SET_COOKIE, value)));
    let location = [(header::LOCATION, step.location), (header::CACHE_CONTROL, "no-store".to_owned())];
    (StatusCode::SEE_OTHER, location, cookie).into_response()
}

/// Ask a person for leave
///
/// A browser brings an application's request here (RFC 6749 section 4.1.1) and is sent to the console, where the person signs in and
/// answers. PKCE with S256 is required. What is wrong with a request whose address can be trusted goes back there.
#[utoipa::path(
    get,
    path = "/oauth2/authorize",
    operation_id = "authorize",
    tag = "auth-service-v2",
    params(
        ("client_id" = String, Query, description = "The application"),
        ("response_type" = Option<String>, Query, description = "`code`", example = "code"),
        ("redirect_uri" = Option<String>, Query, description = "One of the application's addresses; may be left out when it has only one"),
        ("scope" = Option<String>, Query, description = "What is asked for, separated by spaces", example = "openid email"),
        ("state" = Option<String>, Query, description = "Comes back as it is"),
        ("nonce" = Option<String>, Query, description = "Comes back in the ID token"),
        ("code_challenge" = Option<String>, Query, description = "RFC 7636", example = "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM"),
        ("code_challenge_method" = Option<String>, Query, description = "`S256`", example = "S256"),
        ("prompt" = Option<String>, Query, description = "`none`, `login`, `consent` or `select_account`"),
        ("max_age" = Option<u32>, Query, description = "How long ago the person may have signed in, in seconds"),
        ("login_hint" = Option<String>, Query, description = "Who the person might be"),
        ("dpop_jkt" = Option<String>, Query, description = "The key that the tokens will be bound to (RFC 9449 section 10)"),
        ("request_uri" = Option<String>, Query, description = "A pushed request (RFC 9126)"),
    ),
    responses(
        (status = 303, description = "To the console, or back to the application with an error", headers(("Location" = String, description = "Where to"), ("Set-Cookie" = String, description = "Binds the request to this browser"))),
        (status = 400, description = "`invalid_request`, `invalid_request_uri`: the application or its address is not known, so nobody is sent anywhere", body = OAuthErrorBody),
        (status = 429, description = "`temporarily_unavailable`: too many requests from this address", body = OAuthErrorBody),
    ),
    security(()),
)]
async fn authorize(
    State(context): State<Context>,
    asker: Asker,
    Either(parameters): Either,
) -> Result<Response, OAuthError> {
    authorizations::count(&context, &asker).await?;
    authorizations::begin(&context, &parameters).await.map(see_other)
}

/// Ask a person for leave, with a form
#[utoipa::path(
    post,
    path = "/oauth2/authorize",
    operation_id = "authorize_by_form",
    tag = "auth-service-v2",
    request_body(content = Object, content_type = "application/x-www-form-urlencoded", description = "The parameters of the GET"),
    responses(
        (status = 303, description = "As for the GET"),
        (status = 400, description = "`invalid_request`, `invalid_request_uri`", body = OAuthErrorBody),
        (status = 429, description = "`temporarily_unavailable`: too many requests from this address", body = OAuthErrorBody),
    ),
    security(()),
)]
async fn authorize_by_form(
    State(context): State<Context>,
    asker: Asker,
    Either(parameters): Either,
) -> Result<Response, OAuthError> {
    authorizations::count(&context, &asker).await?;
    authorizations::begin(&context, &parameters).await.map(see_other)
}

/// Push an authorization request
///
/// RFC 9126: the application hands its request over by itself, and the browser brings only a reference.
#[utoipa::path(
    post,
    path = "/oauth2/par",
    operation_id = "push_authorization_request",
    tag = "auth-service-v2",
    request_body(content = Object, content_type = "application/x-www-form-urlencoded", description = "The parameters of the authorization request, and the application's authentication"),
    responses(
        (status = 201, description = "`request_uri`, good once, and `expires_in`", body = serde_json::Value, example = json!({"request_uri": "urn:ietf:params:oauth:request_uri:x", "expires_in": 60})),
        (status = 400, description = "`invalid_request`, `invalid_scope`, `unauthorized_client`", body = OAuthErrorBody),
        (status = 401, description = "`invalid_client`", body = OAuthErrorBody),
        (status = 429, description = "`temporarily_unavailable`: too many failures", body = OAuthErrorBody),
    ),
    security(()),
)]
async fn push(
    State(context): State<Context>,
    asker: Asker,
    headers: HeaderMap,
    Form(parameters): Form,
) -> Result<Response, OAuthError> {
    let application = authenticate(&context, &asker, &headers, &parameters).await?;
    authorizations::count(&context, &asker).await?;
    let (request_uri, expires_in) = authorizations::push(&context, &application, &parameters).await?;
    let body = Json(json!({"request_uri": request_uri, "expires_in": expires_in}));
    Ok(not_kept((StatusCode::CREATED, body)))
}

/// Get tokens
///
/// For `authorization_code`, `refresh_token`, `client_credentials`, device codes (RFC 8628) and token exchange (RFC 8693). With a
/// `DPoP` proof the tokens are bound to its key (RFC 9449).
#[utoipa::path(
    post,
    path = "/oauth2/token",
    operation_id = "issue_oauth_tokens",
    tag = "auth-service-v2",
    request_body(content = Object, content_type = "application/x-www-form-urlencoded", description = "`grant_type` and what belongs to it, and the application's authentication"),
    responses(
        (status = 200, description = "The tokens", body = TokenReply),
        (status = 400, description = "`invalid_grant`, `invalid_request`, `invalid_scope`, `invalid_target`, `invalid_dpop_proof`, `unauthorized_client`, `unsupported_grant_type`; for devices `authorization_pending`, `slow_down`, `access_denied`, `expired_token`", body = OAuthErrorBody),
        (status = 401, description = "`invalid_client`", body = OAuthErrorBody),
        (status = 429, description = "`temporarily_unavailable`: too many failures", body = OAuthErrorBody),
    ),
    security(()),
)]
async fn token(
    State(context): State<Context>,
    asker: Asker,
    headers: HeaderMap,
    Form(parameters): Form,
) -> Result<Response, OAuthError> {
    let reply: TokenReply = tokens::answer(&context, &asker, &headers, &parameters).await?;
    Ok(not_kept(Json(reply)))
}

/// Who the person is
#[utoipa::path(
    get,
    path = "/oauth2/userinfo",
    operation_id = "get_userinfo",
    tag = "auth-service-v2",
    responses(
        (status = 200, description = "What the token's scopes open (OpenID Connect Core section 5.3)", body = serde_json::Value, example = json!({"sub": "0199b3a2-7c1e-7d40-8a51-3f0e6b9d2c11", "email": "ada@example.com", "email_verified": true})),
        (status = 401, description = "`invalid_token`, `invalid_dpop_proof`", body = OAuthErrorBody),
        (status = 403, description = "`insufficient_scope`", body = OAuthErrorBody),
    ),
    security(("bearer" = [])),
)]
async fn get_userinfo(
    State(context): State<Context>,
    method: Method,
    headers: HeaderMap,
) -> Result<Response, OAuthError> {
    Ok(not_kept(Json(userinfo::answer(&context, method.as_str(), &headers).await?)))
}

/// Who the person is, asked with a POST
#[utoipa::path(
    post,
    path = "/oauth2/userinfo",
    operation_id = "post_userinfo",
    tag = "auth-service-v2",
    responses(
        (status = 200, description = "As for the GET", body = serde_json::Value),
        (status = 401, description = "`invalid_token`, `invalid_dpop_proof`", body = OAuthErrorBody),
        (status = 403, description = "`insufficient_scope`", body = OAuthErrorBody),
    ),
    security(("bearer" = [])),
)]
async fn post_userinfo(
    State(context): State<Context>,
    method: Method,
    headers: HeaderMap,
) -> Result<Response, OAuthError> {
    Ok(not_kept(Json(userinfo::answer(&context, method.as_str(), &headers).await?)))
}

/// What a token is
///
/// RFC 7662, for applications that can show who they are. Tokens of other organisations are as unknown as made-up ones.
#[utoipa::path(
    post,
    path = "/oauth2/introspect",
    operation_id = "introspect_token",
    tag = "auth-service-v2",
    request_body(content = Object, content_type = "application/x-www-form-urlencoded", description = "`token`, and the application's authentication"),
    responses(
        (status = 200, description = "`active`, and what the token says when it is", body = serde_json::Value, example = json!({"active": false})),
        (status = 400, description = "`invalid_request`", body = OAuthErrorBody),
        (status = 401, description = "`invalid_client`", body = OAuthErrorBody),
        (status = 429, description = "`temporarily_unavailable`: too many failures", body = OAuthErrorBody),
    ),
    security(()),
)]
async fn introspect(
    State(context): State<Context>,
    asker: Asker,
    headers: HeaderMap,
    Form(parameters): Form,
) -> Result<Response, OAuthError> {
    let application = authenticate_confidential(&context, &asker, &headers, &parameters).await?;
    let said: Value = endings::introspect(&context, &application, &parameters).await?;
    Ok(not_kept(Json(said)))
}

/// End a token
///
/// RFC 7009. With a refresh token its whole grant ends. A token that is unknown, or another application's, is done.
#[utoipa::path(
    post,
    path = "/oauth2/revoke",
    operation_id = "revoke_token",
    tag = "auth-service-v2",
    request_body(content = Object, content_type = "application/x-www-form-urlencoded", description = "`token`, and the application's authentication"),
    responses(
        (status = 200, description = "The token is not good any more"),
        (status = 400, description = "`invalid_request`", body = OAuthErrorBody),
        (status = 401, description = "`invalid_client`", body = OAuthErrorBody),
        (status = 429, description = "`temporarily_unavailable`: too many failures", body = OAuthErrorBody),
    ),
    security(()),
)]
async fn revoke(
    State(context): State<Context>,
    asker: Asker,
    headers: HeaderMap,
    Form(parameters): Form,
) -> Result<Response, OAuthError> {
    let application = authenticate(&context, &asker, &headers, &parameters).await?;
    endings::revoke(&context, &application, &parameters).await?;
    Ok(not_kept(StatusCode::OK))
}

/// Ask for leave from a device without a browser
#[utoipa::path(
    post,
    path = "/oauth2/device_authorization",
    operation_id = "authorize_device",
    tag = "auth-service-v2",
    request_body(content = Object, content_type = "application/x-www-form-urlencoded", description = "`scope`, and the application's authentication"),
    responses(
        (status = 200, description = "The codes (RFC 8628 section 3.2)", body = DeviceReply),
        (status = 400, description = "`invalid_request`, `invalid_scope`, `unauthorized_client`", body = OAuthErrorBody),
        (status = 401, description = "`invalid_client`", body = OAuthErrorBody),
        (status = 429, description = "`temporarily_unavailable`: too many failures", body = OAuthErrorBody),
    ),
    security(()),
)]
async fn device_authorization(
    State(context): State<Context>,
    asker: Asker,
    headers: HeaderMap,
    Form(parameters): Form,
) -> Result<Response, OAuthError> {
    let application = authenticate(&context, &asker, &headers, &parameters).await?;
    Ok(not_kept(Json(device::begin(&context, &asker, &application, &parameters).await?)))
}

/// Sign the person out
///
/// `OpenID` Connect RP-Initiated Logout. The ID token shows that the application has had to do with the person; it may have expired.
/// The browser goes to `post_logout_redirect_uri` when the application registered it.
#[utoipa::path(
    get,
    path = "/oauth2/logout",
    operation_id = "log_out_of_applications",
    tag = "auth-service-v2",
    params(
        ("id_token_hint" = String, Query, description = "An ID token of the application"),
        ("client_id" = Option<String>, Query, description = "The application"),
        ("post_logout_redirect_uri" = Option<String>, Query, description = "Where the browser goes then"),
        ("state" = Option<String>, Query, description = "Comes back as it is"),
    ),
    responses(
        (status = 303, description = "To the application, or to the console", headers(("Location" = String, description = "Where to"))),
        (status = 400, description = "`invalid_request`: nobody is signed out or sent anywhere", body = OAuthErrorBody),
    ),
    security(()),
)]
async fn log_out(State(context): State<Context>, Either(parameters): Either) -> Result<Response, OAuthError> {
    let location = endings::log_out(&context, &parameters).await?;
    Ok(see_other(Step { location, set_cookie: None }))
}

/// Sign the person out, with a form
#[utoipa::path(
    post,
    path = "/oauth2/logout",
    operation_id = "log_out_of_applications_by_form",
    tag = "auth-service-v2",
    request_body(content = Object, content_type = "application/x-www-form-urlencoded", description = "The parameters of the GET"),
    responses(
        (status = 303, description = "As for the GET"),
        (status = 400, description = "`invalid_request`", body = OAuthErrorBody),
    ),
    security(()),
)]
async fn log_out_by_form(State(context): State<Context>, Either(parameters): Either) -> Result<Response, OAuthError> {
    let location = endings::log_out(&context, &parameters).await?;
    Ok(see_other(Step { location, set_cookie: None }))
}
