//! HTTP: parse, ask the policies, call the domain, reply.

mod groups;
mod internal;
mod invitations;
mod mailbox;
mod organisation;
mod own;
mod registration;
mod scim;
mod setup;
mod users;

use axum::response::IntoResponse;
use http::header;
use nexus_kernel::extract::Versioned;
use nexus_kernel::{Context, UserId};
use utoipa_axum::router::OpenApiRouter;

use crate::error::Error;
use crate::user::{User, UserProfile};

/// The routes.
pub(crate) fn router() -> OpenApiRouter<Context> {
    OpenApiRouter::new()
        .merge(setup::router())
        .merge(registration::router())
        .merge(own::router())
        .merge(mailbox::router())
        .merge(users::router())
        .merge(groups::router())
        .merge(invitations::router())
        .merge(organisation::router())
        .merge(internal::router())
        .merge(scim::router())
}

/// An account with its version, that is not to be kept by anything on the way.
fn reply(user: User) -> impl IntoResponse {
    let profile = UserProfile::from(user);
    ([(header::CACHE_CONTROL, "no-store")], Versioned { version: profile.version, body: profile })
}

/// What is not an id names nobody.
fn user_id(text: &str) -> Result<UserId, Error> {
    text.parse().map_err(|_| Error::NoSuchUser)
}
