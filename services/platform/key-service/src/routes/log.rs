//! The log of uses and changes.

use axum::Json;
use axum::extract::{Query, State};
use axum::response::IntoResponse;
use nexus_kernel::extract::{Page, Paged};
use nexus_kernel::problem::ProblemDetails;
use nexus_kernel::{Context, Principal, Problem, Resource};
use serde::Deserialize;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::reply::kept_by_nobody;
use crate::asker::Asker;
use crate::audit::{self, AuditLine};

/// The routes.
pub(super) fn router() -> OpenApiRouter<Context> {
    OpenApiRouter::new().routes(routes!(list_key_uses))
}

/// Which lines.
#[derive(Debug, Deserialize)]
struct Filter {
    target: Option<String>,
}

/// Who did what with which key or secret
#[utoipa::path(
    get,
    path = "/api/keys/audit",
    operation_id = "list_key_uses",
    tag = "key-service",
    params(
        ("target" = Option<String>, Query, description = "Only this key or secret, as `transit/orders` or `secret/path`", example = "transit/orders"),
        ("cursor" = Option<String>, Query, description = "The `next_cursor` of the page before"),
        ("limit" = Option<u32>, Query, description = "The most items to return, 1 to 200; 50 when absent", minimum = 1, maximum = 200, example = 50),
    ),
    responses(
        (status = 200, description = "The lines, newest first", body = Paged<AuditLine>),
        (status = 400, description = "`invalid-page`: a wrong cursor or limit", body = ProblemDetails, content_type = "application/problem+json"),
        (status = 401, description = "`not-signed-in`, `invalid-token` or `expired-token`", body = ProblemDetails, content_type = "application/problem+json"),
        (status = 403, description = "`forbidden`: you are no admin", body = ProblemDetails, content_type = "application/problem+json"),
    ),
    security(("bearer" = [])),
)]
async fn list_key_uses(
    State(context): State<Context>,
    principal: Principal,
    page: Page,
    Query(filter): Query<Filter>,
) -> Result<impl IntoResponse, Problem> {
    let asker = Asker { context, principal };
    asker.must_be_allowed("read-audit", &Resource::all("Audit", asker.principal.tenant), "audit").await?;
    let page: Paged<AuditLine> = audit::page(&asker, filter.target.as_deref(), &page).await?;
    Ok(kept_by_nobody(Json(page)))
}
