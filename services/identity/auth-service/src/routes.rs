//! HTTP: parse, ask the policies, call the domain, reply.

mod audit;
mod factors;
mod internal;
mod links;
mod sign_in;

use axum::Json;
use axum::response::{AppendHeaders, IntoResponse, Response};
use http::{StatusCode, header};
use nexus_contracts::token_mgr::{RefreshCookie, RefreshTokenDelivery};
use nexus_kernel::Context;
use utoipa_axum::router::OpenApiRouter;

use crate::cookie::Cookie;
use crate::sign_in::{FirstStep, SignedIn};

/// The routes.
pub(crate) fn router() -> OpenApiRouter<Context> {
    OpenApiRouter::new()
        .merge(sign_in::router())
        .merge(links::router())
        .merge(factors::router())
        .merge(audit::router())
        .merge(internal::router())
}

/// What a client gets that has taken the first step.
fn first_step(context: &Context, step: FirstStep, delivery: RefreshTokenDelivery) -> Response {
    match step {
        FirstStep::Done(signed_in) => tokens(context, *signed_in, delivery),
        FirstStep::SecondFactorNeeded(challenge) => {
            (StatusCode::ACCEPTED, [(header::CACHE_CONTROL, "no-store")], Json(challenge)).into_response()
        }
    }
}

/// What a client gets that is signed in: its tokens, and the cookie by which its browser is known.
fn tokens(context: &Context, signed_in: SignedIn, delivery: RefreshTokenDelivery) -> Response {
    let public_url = &context.config.public_url;
    let device = Cookie::device(&signed_in.account);
    let device = signed_in.device.map(|token| (header::SET_COOKIE, device.set(&token, public_url)));
    let (reply, refresh) = signed_in.issued.deliver(delivery, RefreshCookie::of(public_url));
    let refresh = refresh.map(|value| (header::SET_COOKIE, value));
    ([(header::CACHE_CONTROL, "no-store")], AppendHeaders(refresh), AppendHeaders(device), Json(reply)).into_response()
}
