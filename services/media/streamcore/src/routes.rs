//! HTTP: parse, ask the domain, reply.

use axum::Json;
use axum::extract::{Path, Query, State};
use axum::routing::{delete, post};
use http::StatusCode;
use nexus_contracts::{
    streamcore::{ContentId, JobId, OrderTranscode, OrderedTranscode},
    streaming_service_v2,
};
use nexus_kernel::auth::Caller;
use nexus_kernel::extract::{Page, Paged};
use nexus_kernel::problem::ProblemDetails;
use nexus_kernel::{Context, Principal, Problem, Resource, TenantId};
use serde::Deserialize;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::error::Error;
use crate::job::TranscodeJob;
use crate::queue::Queue;
use crate::{events, store};

/// All routes of the service.
pub(crate) fn router() -> OpenApiRouter<Context> {
    OpenApiRouter::new()
        .routes(routes!(list_jobs))
        .routes(routes!(get_job))
        .routes(routes!(retry_job))
        .route("/internal/jobs", post(order))
        .route("/internal/tenants/{tenant}/content/{content_id}", delete(remove))
}

/// Which jobs to list.
#[derive(Debug, Deserialize, utoipa::IntoParams)]
struct JobFilter {
    /// Only the jobs of this content item.
    content_id: Option<ContentId>,
}

/// Transcode jobs of the organisation, newest first.
#[utoipa::path(
    get,
    path = "/api/streamcore/jobs",
    operation_id = "list_transcode_jobs",
    tag = "streamcore",
    params(
        JobFilter,
        ("cursor" = Option<String>, Query, description = "`next_cursor` of the page before"),
        ("limit" = Option<u32>, Query, description = "items a page, 1 to 200; 50 when absent"),
    ),
    responses(
        (status = 200, description = "One page of jobs", body = Paged<TranscodeJob>),
        (status = 400, description = "The cursor or the limit is not valid", body = ProblemDetails),
        (status = 401, description = "Not signed in", body = ProblemDetails),
        (status = 403, description = "Not an editor", body = ProblemDetails),
    ),
    security(("bearer" = []))
)]
async fn list_jobs(
    State(ctx): State<Context>,
    principal: Principal,
    Query(filter): Query<JobFilter>,
    page: Page,
) -> Result<Json<Paged<TranscodeJob>>, Problem> {
    ctx.authorize(&principal, "list", &Resource::all("TranscodeJob", principal.tenant))?;
    let mut reader = ctx.store.read(principal.tenant);
    let found = match filter.content_id {
        Some(content) => store::list_of_content(&mut reader, content, &page).await?,
        None => store::list(&mut reader, &page).await?,
    };
    let jobs = found.into_iter().map(|stored| stored.job).collect();
    Ok(Json(Paged::of(jobs, &page, |job: &TranscodeJob| job.id.to_string())))
}

/// One transcode job.
#[utoipa::path(
    get,
    path = "/api/streamcore/jobs/{id}",
    operation_id = "get_transcode_job",
    tag = "streamcore",
    params(("id" = JobId, Path, description = "The job's id")),
    responses(
        (status = 200, description = "The job", body = TranscodeJob),
        (status = 401, description = "Not signed in", body = ProblemDetails),
        (status = 403, description = "Not an editor", body = ProblemDetails),
        (status = 404, description = "No such job in this organisation", body = ProblemDetails),
    ),
    security(("bearer" = []))
)]
async fn get_job(
    State(ctx): State<Context>,
    principal: Principal,
    Path(id): Path<String>,
) -> Result<Json<TranscodeJob>, Problem> {
    let id = job_id(&id)?;
    let stored = store::by_id(&mut ctx.store.read(principal.tenant), id).await?.ok_or(Error::NotFound)?;
    ctx.authorize(&principal, "view", &stored.resource())?;
    Ok(Json(stored.job))
}

/// Tries a failed job again, with all its attempts.
#[utoipa::path(
    post,
    path = "/api/streamcore/jobs/{id}/retry",
    operation_id = "retry_transcode_job",
    tag = "streamcore",
    params(("id" = JobId, Path, description = "The job's id")),
    responses(
        (status = 202, description = "The job waits in the queue", body = TranscodeJob),
        (status = 401, description = "Not signed in", body = ProblemDetails),
        (status = 403, description = "Not an editor", body = ProblemDetails),
        (status = 404, description = "No such job in this organisation", body = ProblemDetails),
        (status = 409, description = "The job has not failed, or its source file is gone", body = ProblemDetails),
    ),
    security(("bearer" = []))
)]
async fn retry_job(
    State(ctx): State<Context>,
    principal: Principal,
    Path(id): Path<String>,
) -> Result<(StatusCode, Json<TranscodeJob>), Problem> {
    let id = job_id(&id)?;
    let mut tx = ctx.store.begin(principal.tenant).await?;
    let stored = store::by_id(&mut tx, id).await?.ok_or(Error::NotFound)?;
    ctx.authorize(&principal, "retry", &stored.resource())?;
    stored.check_retry()?;
    ctx.blobs.size(&stored.source_key).await.map_err(|_| Error::SourceGone)?;
    store::retry(&mut tx, id).await?;
    events::progressed(&mut tx, &stored, 0.0).await?;
    let waiting = store::by_id(&mut tx, id).await?.ok_or(Error::NotFound)?;
    tx.commit().await?;
    announce(&ctx);
    Ok((StatusCode::ACCEPTED, Json(waiting.job)))
}

/// Takes an order for a transcode; ordering again finds the same job.
async fn order(
    State(ctx): State<Context>,
    caller: Caller,
    Json(order): Json<OrderTranscode>,
) -> Result<Json<OrderedTranscode>, Problem> {
    caller.must_be(&[streaming_service_v2::SERVICE])?;
    let mut tx = ctx.store.begin(order.tenant).await?;
    store::insert(&mut tx, JobId(ctx.ids.next()), &order, ctx.clock.now()).await?;
    let stored = store::by_source(&mut tx, &order).await?;
    tx.commit().await?;
    announce(&ctx);
    Ok(Json(OrderedTranscode { job_id: stored.job.id }))
}

/// Stops a content item's jobs and has their renditions removed.
async fn remove(
    State(ctx): State<Context>,
    caller: Caller,
    Path((tenant, content)): Path<(TenantId, ContentId)>,
) -> Result<StatusCode, Problem> {
    caller.must_be(&[streaming_service_v2::SERVICE])?;
    let mut tx = ctx.store.begin(tenant).await?;
    store::request_removal(&mut tx, content).await?;
    tx.commit().await?;
    announce(&ctx);
    ctx.wake(crate::REMOVE);
    Ok(StatusCode::NO_CONTENT)
}

/// What is not an id names nothing.
fn job_id(text: &str) -> Result<JobId, Error> {
    text.parse().map_err(|_| Error::NotFound)
}

/// The queue has changed: its loop looks at once, whether it sleeps or works.
fn announce(ctx: &Context) {
    ctx.state::<Queue>().changed.notify_waiters();
    ctx.wake(crate::TRANSCODE);
}
