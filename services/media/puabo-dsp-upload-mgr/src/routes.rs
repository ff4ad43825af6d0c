//! HTTP for people: their uploads and what became of them.

use axum::Json;
use axum::extract::{Path, State};
use nexus_kernel::extract::{Page, Paged};
use nexus_kernel::problem::ProblemDetails;
use nexus_kernel::{Context, Principal, Problem, Resource};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::store;
use crate::tus::{own, upload_id};
use crate::upload::Upload;

/// The routes beside tus.
pub(crate) fn router() -> OpenApiRouter<Context> {
    OpenApiRouter::new().routes(routes!(list_uploads)).routes(routes!(get_upload))
}

/// The person's own uploads, newest first. One that ended is listed for 30 days.
#[utoipa::path(
    get,
    path = "/api/dsp/upload/uploads",
    operation_id = "list_uploads",
    tag = "puabo-dsp-upload-mgr",
    params(
        ("cursor" = Option<String>, Query, description = "`next_cursor` of the page before"),
        ("limit" = Option<u32>, Query, description = "items a page, 1 to 200; 50 when absent"),
    ),
    responses(
        (status = 200, description = "One page of uploads", body = Paged<Upload>),
        (status = 400, description = "The cursor or the limit is not valid", body = ProblemDetails),
        (status = 401, description = "Not signed in", body = ProblemDetails),
        (status = 403, description = "Not an editor", body = ProblemDetails),
    ),
    security(("bearer" = []))
)]
async fn list_uploads(
    State(ctx): State<Context>,
    principal: Principal,
    page: Page,
) -> Result<Json<Paged<Upload>>, Problem> {
    ctx.authorize(&principal, "list", &Resource::all("Upload", principal.tenant))?;
    let found = store::list(&mut ctx.store.read(principal.tenant), principal.user, &page).await?;
    let uploads = found.into_iter().map(|stored| stored.upload).collect();
    Ok(Json(Paged::of(uploads, &page, |upload: &Upload| upload.id.to_string())))
}

/// One of the person's own uploads.
#[utoipa::path(
    get,
    path = "/api/dsp/upload/uploads/{id}",
    operation_id = "get_upload",
    tag = "puabo-dsp-upload-mgr",
    params(("id" = String, Path, format = Uuid, description = "The upload's id")),
    responses(
        (status = 200, description = "The upload", body = Upload),
        (status = 401, description = "Not signed in", body = ProblemDetails),
        (status = 403, description = "Not an editor", body = ProblemDetails),
        (status = 404, description = "The person has no such upload", body = ProblemDetails),
    ),
    security(("bearer" = []))
)]
async fn get_upload(
    State(ctx): State<Context>,
    principal: Principal,
    Path(id): Path<String>,
) -> Result<Json<Upload>, Problem> {
    let stored = own(&ctx, &principal, upload_id(&id)?, "view").await?;
    Ok(Json(stored.upload))
}
