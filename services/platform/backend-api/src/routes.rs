//! The gateway's own routes: how the system is, and events that could not be applied.

use axum::Json;
use axum::extract::{Path, State};
use http::StatusCode;
use nexus_kernel::events::DeadLetter;
use nexus_kernel::extract::{Page, Paged};
use nexus_kernel::problem::ProblemDetails;
use nexus_kernel::{Context, Principal, Problem, Resource};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::system::{self, SystemReport};

/// The routes.
pub(crate) fn router() -> OpenApiRouter<Context> {
    OpenApiRouter::new()
        .routes(routes!(list_services))
        .routes(routes!(list_dead_letters))
        .routes(routes!(replay_dead_letter))
}

fn system_of(principal: &Principal) -> Resource {
    Resource::all("System", principal.tenant)
}

/// List the running services with their health
///
/// Each with its checks and the last minute's figures; and what is missing on the machine, with the way to get it.
#[utoipa::path(
    get,
    path = "/api/system/services",
    operation_id = "list_services",
    tag = "backend-api",
    responses(
        (status = 200, description = "The services, in the order of the registry", body = SystemReport),
        (status = 401, description = "`not-signed-in`, `invalid-token`, `expired-token` or `session-revoked`", body = ProblemDetails, content_type = "application/problem+json"),
    ),
    security(("bearer" = [])),
)]
async fn list_services(State(context): State<Context>, principal: Principal) -> Result<Json<SystemReport>, Problem> {
    context.authorize(&principal, "read", &system_of(&principal))?;
    Ok(Json(system::report(&context).await))
}

/// List the events that services could not apply
#[utoipa::path(
    get,
    path = "/api/system/dead-letters",
    operation_id = "list_dead_letters",
    tag = "backend-api",
    params(
        ("cursor" = Option<String>, Query, description = "`next_cursor` of the page before"),
        ("limit" = Option<u32>, Query, description = "dead letters a page, 1 to 200; 50 when absent"),
    ),
    responses(
        (status = 200, description = "One page of your organisation's dead letters in all running services, oldest first", body = Paged<DeadLetter>),
        (status = 400, description = "`invalid-page`", body = ProblemDetails, content_type = "application/problem+json"),
        (status = 401, description = "`not-signed-in`, `invalid-token`, `expired-token` or `session-revoked`", body = ProblemDetails, content_type = "application/problem+json"),
        (status = 403, description = "`forbidden`: you are no admin", body = ProblemDetails, content_type = "application/problem+json"),
        (status = 503, description = "`unavailable`: a service that runs does not answer", body = ProblemDetails, content_type = "application/problem+json"),
    ),
    security(("bearer" = [])),
)]
async fn list_dead_letters(
    State(context): State<Context>,
    principal: Principal,
    page: Page,
) -> Result<Json<Paged<DeadLetter>>, Problem> {
    context.authorize(&principal, "list-dead-letters", &system_of(&principal))?;
    Ok(Json(system::dead_letters(&context, principal.tenant, &page).await?))
}

/// Try an event again
///
/// The service takes it up as if it had never failed.
#[utoipa::path(
    post,
    path = "/api/system/dead-letters/{service}/{source}/{position}/replay",
    operation_id = "replay_dead_letter",
    tag = "backend-api",
    params(
        ("service" = String, Path, description = "The service that could not apply it", example = "session-mgr"),
        ("source" = String, Path, description = "The service that published it", example = "token-mgr"),
        ("position" = u64, Path, description = "Its number in the publisher's log", minimum = 1, example = 1042),
    ),
    responses(
        (status = 204, description = "It is tried again now"),
        (status = 401, description = "`not-signed-in`, `invalid-token`, `expired-token` or `session-revoked`", body = ProblemDetails, content_type = "application/problem+json"),
        (status = 403, description = "`forbidden`: you are no admin", body = ProblemDetails, content_type = "application/problem+json"),
        (status = 404, description = "`not-found`: there is no such dead letter", body = ProblemDetails, content_type = "application/problem+json"),
        (status = 503, description = "`unavailable`: the service does not answer", body = ProblemDetails, content_type = "application/problem+json"),
    ),
    security(("bearer" = [])),
)]
async fn replay_dead_letter(
    State(context): State<Context>,
    principal: Principal,
    Path((service, source, position)): Path<(String, String, u64)>,
) -> Result<StatusCode, Problem> {
    context.authorize(&principal, "replay-dead-letter", &system_of(&principal))?;
    system::replay(&context, principal.tenant, &service, &source, position).await?;
    Ok(StatusCode::NO_CONTENT)
}
