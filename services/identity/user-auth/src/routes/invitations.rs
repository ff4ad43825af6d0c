//! Invitations: those who run the organisation send them, and whoever has the link of one accepts it.

use axum::Json;
use axum::extract::{Path, State};
use axum::response::IntoResponse;
use http::{StatusCode, header};
use nexus_kernel::extract::{Page, Paged, Valid};
use nexus_kernel::problem::ProblemDetails;
use nexus_kernel::{Context, Principal, Problem, Resource};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::reply;
use crate::error::Error;
use crate::invitation::{AcceptRequest, Invitation, InvitationId, InvitationRequest, OpenRequest, OpenedInvitation};
use crate::user::UserProfile;
use crate::{invitations, store};

/// The routes.
pub(super) fn router() -> OpenApiRouter<Context> {
    OpenApiRouter::new()
        .routes(routes!(list_invitations, invite))
        .routes(routes!(revoke_invitation))
        .routes(routes!(resend_invitation))
        .routes(routes!(open_invitation))
        .routes(routes!(accept_invitation))
}

/// What is not an id names no invitation.
fn invitation_id(text: &str) -> Result<InvitationId, Error> {
    text.parse().map_err(|_| Error::NoSuchInvitation)
}

/// List the invitations that wait for an answer
#[utoipa::path(
    get,
    path = "/api/users/invitations",
    operation_id = "list_invitations",
    tag = "user-auth",
    params(
        ("cursor" = Option<String>, Query, description = "The `next_cursor` of the page before"),
        ("limit" = Option<u32>, Query, description = "The most items to return, 1 to 200; 50 when absent", minimum = 1, maximum = 200, example = 50),
    ),
    responses(
        (status = 200, description = "The invitations, newest first", body = Paged<Invitation>),
        (status = 400, description = "`invalid-page`: a wrong cursor or limit", body = ProblemDetails, content_type = "application/problem+json"),
        (status = 401, description = "`not-signed-in`, `invalid-token` or `expired-token`", body = ProblemDetails, content_type = "application/problem+json"),
        (status = 403, description = "`forbidden`: you are no admin", body = ProblemDetails, content_type = "application/problem+json"),
    ),
    security(("bearer" = [])),
)]
async fn list_invitations(
    State(context): State<Context>,
    principal: Principal,
    page: Page,
) -> Result<Json<Paged<Invitation>>, Problem> {
    context.authorize(&principal, "list-invitations", &Resource::all("Invitation", principal.tenant))?;
    let invitations = store::invitations(&context, principal.tenant, &page).await?;
    Ok(Json(Paged::of(invitations, &page, Invitation::position)))
}

/// Invite somebody
///
/// A link is mailed to the address. It is good once and for 7 days; whoever opens it chooses a name and a password.
#[utoipa::path(
    post,
    path = "/api/users/invitations",
    operation_id = "invite",
    tag = "user-auth",
    request_body = InvitationRequest,
    responses(
        (status = 201, description = "The invitation", body = Invitation),
        (status = 400, description = "`invalid-json`: the body is not JSON", body = ProblemDetails, content_type = "application/problem+json"),
        (status = 401, description = "`not-signed-in`, `invalid-token` or `expired-token`", body = ProblemDetails, content_type = "application/problem+json"),
        (status = 403, description = "`forbidden`: you are no admin; `owner-only`: only an owner may do this", body = ProblemDetails, content_type = "application/problem+json"),
        (status = 404, description = "`not-found`: your organisation has no such group", body = ProblemDetails, content_type = "application/problem+json"),
        (status = 409, description = "`already-member`: the address has an account; `already-invited`: it has an invitation; `too-many-invitations`: revoke one first", body = ProblemDetails, content_type = "application/problem+json"),
        (status = 413, description = "`body-too-large`", body = ProblemDetails, content_type = "application/problem+json"),
        (status = 415, description = "`unsupported-media-type`: the body's type is not JSON", body = ProblemDetails, content_type = "application/problem+json"),
        (status = 422, description = "`validation-failed`: a field breaks its rule", body = ProblemDetails, content_type = "application/problem+json"),
        (status = 429, description = "`too-many-mails`: wait for `Retry-After` seconds", body = ProblemDetails, content_type = "application/problem+json", headers(("Retry-After" = u64, description = "Seconds to wait"))),
    ),
    security(("bearer" = [])),
)]
async fn invite(
    State(context): State<Context>,
    principal: Principal,
    Valid(request): Valid<InvitationRequest>,
) -> Result<(StatusCode, Json<Invitation>), Problem> {
    Ok((StatusCode::CREATED, Json(invitations::invite(&context, principal, request).await?)))
}

/// Send an invitation again
///
/// With a new link that is good for 7 days; the one before it is good no longer.
#[utoipa::path(
    post,
    path = "/api/users/invitations/{id}/resend",
    operation_id = "resend_invitation",
    tag = "user-auth",
    params(("id" = InvitationId, Path, description = "The invitation's id")),
    responses(
        (status = 200, description = "The invitation", body = Invitation),
        (status = 401, description = "`not-signed-in`, `invalid-token` or `expired-token`", body = ProblemDetails, content_type = "application/problem+json"),
        (status = 403, description = "`forbidden`: you are no admin; `owner-only`: only an owner may do this", body = ProblemDetails, content_type = "application/problem+json"),
        (status = 404, description = "`not-found`: your organisation has no such invitation", body = ProblemDetails, content_type = "application/problem+json"),
        (status = 429, description = "`too-many-mails`: wait for `Retry-After` seconds", body = ProblemDetails, content_type = "application/problem+json", headers(("Retry-After" = u64, description = "Seconds to wait"))),
    ),
    security(("bearer" = [])),
)]
async fn resend_invitation(
    State(context): State<Context>,
    principal: Principal,
    Path(id): Path<String>,
) -> Result<Json<Invitation>, Problem> {
    Ok(Json(invitations::resend(&context, principal, invitation_id(&id)?).await?))
}

/// Revoke an invitation
#[utoipa::path(
    delete,
    path = "/api/users/invitations/{id}",
    operation_id = "revoke_invitation",
    tag = "user-auth",
    params(("id" = InvitationId, Path, description = "The invitation's id")),
    responses(
        (status = 204, description = "Its link is good no longer"),
        (status = 401, description = "`not-signed-in`, `invalid-token` or `expired-token`", body = ProblemDetails, content_type = "application/problem+json"),
        (status = 403, description = "`forbidden`: you are no admin", body = ProblemDetails, content_type = "application/problem+json"),
        (status = 404, description = "`not-found`: your organisation has no such invitation", body = ProblemDetails, content_type = "application/problem+json"),
    ),
    security(("bearer" = [])),
)]
async fn revoke_invitation(
    State(context): State<Context>,
    principal: Principal,
    Path(id): Path<String>,
) -> Result<StatusCode, Problem> {
    invitations::revoke(&context, principal, invitation_id(&id)?).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// See what an invitation is about
///
/// For whoever has its link. Seeing it does not use it up.
#[utoipa::path(
    post,
    path = "/api/auth/register/invitation/open",
    operation_id = "open_invitation",
    tag = "user-auth",
    request_body = OpenRequest,
    responses(
        (status = 200, description = "What it is about", body = OpenedInvitation),
        (status = 400, description = "`invalid-json`: the body is not JSON", body = ProblemDetails, content_type = "application/problem+json"),
        (status = 403, description = "`invitation-invalid`: unknown, used, revoked, replaced or expired; ask for a new one", body = ProblemDetails, content_type = "application/problem+json"),
        (status = 413, description = "`body-too-large`", body = ProblemDetails, content_type = "application/problem+json"),
        (status = 415, description = "`unsupported-media-type`: the body's type is not JSON", body = ProblemDetails, content_type = "application/problem+json"),
        (status = 422, description = "`validation-failed`: a field breaks its rule", body = ProblemDetails, content_type = "application/problem+json"),
    ),
    security(()),
)]
async fn open_invitation(
    State(context): State<Context>,
    Valid(request): Valid<OpenRequest>,
) -> Result<impl IntoResponse, Problem> {
    let opened = invitations::open(&context, &request.token).await?;
    Ok(([(header::CACHE_CONTROL, "no-store")], Json(opened)))
}

/// Accept an invitation
///
/// Makes your account, with what the invitation says you may do. The link is good once.
#[utoipa::path(
    post,
    path = "/api/auth/register/invitation",
    operation_id = "accept_invitation",
    tag = "user-auth",
    request_body = AcceptRequest,
    responses(
        (status = 200, description = "Your account; sign in with it", body = UserProfile, headers(("ETag" = String, description = "Its version"))),
        (status = 400, description = "`invalid-json`: the body is not JSON", body = ProblemDetails, content_type = "application/problem+json"),
        (status = 403, description = "`invitation-invalid`: unknown, used, revoked, replaced or expired; ask for a new one", body = ProblemDetails, content_type = "application/problem+json"),
        (status = 409, description = "`already-member`: you have an account here; `address-taken`: you have one in another organisation; `group-full`: ask whoever invited you", body = ProblemDetails, content_type = "application/problem+json"),
        (status = 412, description = "`precondition-failed`: somebody changed the account at the same moment; try again", body = ProblemDetails, content_type = "application/problem+json"),
        (status = 413, description = "`body-too-large`", body = ProblemDetails, content_type = "application/problem+json"),
        (status = 415, description = "`unsupported-media-type`: the body's type is not JSON", body = ProblemDetails, content_type = "application/problem+json"),
        (status = 422, description = "`validation-failed`: a field breaks its rule; `breached-password`: the password was seen in a breach of another site", body = ProblemDetails, content_type = "application/problem+json"),
        (status = 503, description = "`unavailable`: too many passwords at once", body = ProblemDetails, content_type = "application/problem+json"),
    ),
    security(()),
)]
async fn accept_invitation(
    State(context): State<Context>,
    Valid(request): Valid<AcceptRequest>,
) -> Result<impl IntoResponse, Problem> {
    Ok(reply(invitations::accept(&context, request).await?))
}
