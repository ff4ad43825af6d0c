//! HTTP for people: parse, ask the domain, reply.

use axum::Json;
use axum::extract::{Path, Query, State};
use axum::response::IntoResponse;
use http::{StatusCode, header};
use nexus_contracts::content_management::ContentId;
use nexus_kernel::auth::MaybePrincipal;
use nexus_kernel::extract::{IfMatch, Page, Paged, Valid, Versioned};
use nexus_kernel::problem::ProblemDetails;
use nexus_kernel::store::Tx;
use nexus_kernel::{Context, Principal, Problem, Resource};
use serde::Deserialize;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::content::{Content, ContentChanges, NewContent, StoredContent};
use crate::error::Error;
use crate::filter::{Audience, Filter};
use crate::{events, store};

/// The routes that people reach.
pub(crate) fn router() -> OpenApiRouter<Context> {
    OpenApiRouter::new()
        .routes(routes!(list_content, create_content))
        .routes(routes!(get_content, update_content, delete_content))
        .routes(routes!(publish_content))
        .routes(routes!(unpublish_content))
}

/// Which items to list.
#[derive(Debug, Deserialize, utoipa::IntoParams)]
struct ContentFilter {
    /// Only items of this status: `draft` or `published`.
    status: Option<String>,
    /// Only items whose title or description has, for each word of this text, one that begins with it, whatever its case; at
    /// most 200 characters.
    q: Option<String>,
}

/// Content that the asker may see, newest first: without a token what is published for everybody.
#[utoipa::path(
    get,
    path = "/api/content",
    operation_id = "list_content",
    tag = "content-management",
    params(
        ContentFilter,
        ("cursor" = Option<String>, Query, description = "`next_cursor` of the page before"),
        ("limit" = Option<u32>, Query, description = "items a page, 1 to 200; 50 when absent"),
    ),
    responses(
        (status = 200, description = "One page of content", body = Paged<Content>),
        (status = 400, description = "A parameter is not valid", body = ProblemDetails),
        (status = 401, description = "The token is not valid", body = ProblemDetails),
    ),
    security((), ("bearer" = []))
)]
async fn list_content(
    State(ctx): State<Context>,
    MaybePrincipal(asker): MaybePrincipal,
    Query(query): Query<ContentFilter>,
    page: Page,
) -> Result<Json<Paged<Content>>, Problem> {
    let filter = Filter::parse(query.status.as_deref(), query.q.as_deref())?;
    let found = store::list(&ctx, Audience::of(asker.as_ref()), &filter, &page).await?;
    let items = found.into_iter().map(|stored| stored.content).collect();
    Ok(Json(Paged::of(items, &page, |content: &Content| content.id.to_string())))
}

/// One content item.
#[utoipa::path(
    get,
    path = "/api/content/{id}",
    operation_id = "get_content",
    tag = "content-management",
    params(("id" = ContentId, Path, description = "The item's id")),
    responses(
        (status = 200, description = "The item", body = Content, headers(("ETag" = String, description = "Its version"))),
        (status = 401, description = "The token is not valid", body = ProblemDetails),
        (status = 404, description = "No such item that the asker may see", body = ProblemDetails),
    ),
    security((), ("bearer" = []))
)]
async fn get_content(
    State(ctx): State<Context>,
    MaybePrincipal(asker): MaybePrincipal,
    Path(id): Path<String>,
) -> Result<impl IntoResponse, Problem> {
    let stored = store::of_any_tenant(&ctx, content_id(&id)?).await?.ok_or(Error::NotFound)?;
    stored.check_visible(&ctx, asker.as_ref())?;
    Ok(reply(stored.content))
}

/// Makes a draft without media.
#[utoipa::path(
    post,
    path = "/api/content",
    operation_id = "create_content",
    tag = "content-management",
    request_body = NewContent,
    params(("Idempotency-Key" = Option<String>, Header, description = "Makes a repeat of this request harmless")),
    responses(
        (status = 201, description = "The draft", body = Content, headers(
            ("ETag" = String, description = "Its version"), ("Location" = String, description = "Its address"))),
        (status = 401, description = "Not signed in", body = ProblemDetails),
        (status = 403, description = "Not an editor", body = ProblemDetails),
        (status = 422, description = "A field breaks its rule", body = ProblemDetails),
    ),
    security(("bearer" = []))
)]
async fn create_content(
    State(ctx): State<Context>,
    principal: Principal,
    Valid(new): Valid<NewContent>,
) -> Result<impl IntoResponse, Problem> {
    ctx.authorize(&principal, "create", &Resource::all("Content", principal.tenant))?;
    let content = Content::draft(ContentId(ctx.ids.next()), new, principal.user, ctx.clock.now());
    let stored = StoredContent { tenant: principal.tenant, source: None, content };
    let mut tx = ctx.store.begin(principal.tenant).await?;
    store::insert(&mut tx, &stored).await?;
    let location = format!("/api/content/{}", stored.content.id);
    let reply = Versioned { version: stored.content.version, body: stored.content };
    tx.commit_reply((StatusCode::CREATED, [(header::LOCATION, location)], reply)).await
}

/// Changes an item's title, description or visibility.
#[utoipa::path(
    patch,
    path = "/api/content/{id}",
    operation_id = "update_content",
    tag = "content-management",
    request_body = ContentChanges,
    params(
        ("id" = ContentId, Path, description = "The item's id"),
        ("If-Match" = String, Header, description = "The `ETag` of the version that this changes"),
    ),
    responses(
        (status = 200, description = "The item as changed", body = Content, headers(("ETag" = String, description = "Its version"))),
        (status = 401, description = "Not signed in", body = ProblemDetails),
        (status = 403, description = "Not an editor", body = ProblemDetails),
        (status = 404, description = "No such item that the asker may see", body = ProblemDetails),
        (status = 412, description = "Somebody changed it meanwhile", body = ProblemDetails),
        (status = 422, description = "A field breaks its rule", body = ProblemDetails),
        (status = 428, description = "If-Match is missing", body = ProblemDetails),
    ),
    security(("bearer" = []))
)]
async fn update_content(
    State(ctx): State<Context>,
    principal: Principal,
    Path(id): Path<String>,
    if_match: IfMatch,
    Valid(changes): Valid<ContentChanges>,
) -> Result<impl IntoResponse, Problem> {
    let (mut tx, stored) = open(&ctx, &principal, &id, "update").await?;
    if_match.check(stored.content.version)?;
    let edited = stored.content.edited(changes, ctx.clock.now());
    save(&mut tx, &edited).await?;
    tx.commit().await?;
    Ok(reply(edited))
}

/// Publishes an item: from now on its visibility decides who watches it. What is published already stays so.
#[utoipa::path(
    post,
    path = "/api/content/{id}/publish",
    operation_id = "publish_content",
    tag = "content-management",
    params(("id" = ContentId, Path, description = "The item's id")),
    responses(
        (status = 200, description = "The published item", body = Content, headers(("ETag" = String, description = "Its version"))),
        (status = 401, description = "Not signed in", body = ProblemDetails),
        (status = 403, description = "Not an editor", body = ProblemDetails),
        (status = 404, description = "No such item that the asker may see", body = ProblemDetails),
        (status = 409, description = "media-not-ready: its media can't be played", body = ProblemDetails),
    ),
    security(("bearer" = []))
)]
async fn publish_content(
    State(ctx): State<Context>,
    principal: Principal,
    Path(id): Path<String>,
) -> Result<impl IntoResponse, Problem> {
    let (mut tx, stored) = open(&ctx, &principal, &id, "publish").await?;
    let Some(published) = stored.content.clone().published(ctx.clock.now())? else {
        return Ok(reply(stored.content));
    };
    save(&mut tx, &published).await?;
    let stored = stored.with(published);
    events::published(&mut tx, &stored).await?;
    tx.commit().await?;
    Ok(reply(stored.content))
}

/// Takes an item back: it is a draft again. What is a draft already stays so.
#[utoipa::path(
    post,
    path = "/api/content/{id}/unpublish",
    operation_id = "unpublish_content",
    tag = "content-management",
    params(("id" = ContentId, Path, description = "The item's id")),
    responses(
        (status = 200, description = "The draft", body = Content, headers(("ETag" = String, description = "Its version"))),
        (status = 401, description = "Not signed in", body = ProblemDetails),
        (status = 403, description = "Not an editor", body = ProblemDetails),
        (status = 404, description = "No such item that the asker may see", body = ProblemDetails),
    ),
    security(("bearer" = []))
)]
async fn unpublish_content(
    State(ctx): State<Context>,
    principal: Principal,
    Path(id): Path<String>,
) -> Result<impl IntoResponse, Problem> {
    let (mut tx, stored) = open(&ctx, &principal, &id, "unpublish").await?;
    let Some(draft) = stored.content.clone().unpublished(ctx.clock.now()) else {
        return Ok(reply(stored.content));
    };
    save(&mut tx, &draft).await?;
    let stored = stored.with(draft);
    events::unpublished(&mut tx, &stored).await?;
    tx.commit().await?;
    Ok(reply(stored.content))
}

/// Deletes an item with its source file and everything that was made of it.
#[utoipa::path(
    delete,
    path = "/api/content/{id}",
    operation_id = "delete_content",
    tag = "content-management",
    params(
        ("id" = ContentId, Path, description = "The item's id"),
        ("If-Match" = String, Header, description = "The `ETag` of the version that this deletes"),
    ),
    responses(
        (status = 204, description = "It is gone"),
        (status = 401, description = "Not signed in", body = ProblemDetails),
        (status = 403, description = "Not an editor", body = ProblemDetails),
        (status = 404, description = "No such item that the asker may see", body = ProblemDetails),
        (status = 412, description = "Somebody changed it meanwhile", body = ProblemDetails),
        (status = 428, description = "If-Match is missing", body = ProblemDetails),
    ),
    security(("bearer" = []))
)]
async fn delete_content(
    State(ctx): State<Context>,
    principal: Principal,
    Path(id): Path<String>,
    if_match: IfMatch,
) -> Result<StatusCode, Problem> {
    let (mut tx, stored) = open(&ctx, &principal, &id, "delete").await?;
    if_match.check(stored.content.version)?;
    if !store::delete(&mut tx, stored.content.id, stored.content.version).await? {
        return Err(Error::Changed.into());
    }
    events::deleted(&mut tx, &stored).await?;
    tx.commit().await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Begins a change of an item that the asker may see (else 404) and change (else 403).
async fn open(ctx: &Context, principal: &Principal, id: &str, action: &str) -> Result<(Tx, StoredContent), Problem> {
    let mut tx = ctx.store.begin(principal.tenant).await?;
    let stored = store::by_id(&mut tx, content_id(id)?).await?.ok_or(Error::NotFound)?;
    stored.check_visible(ctx, Some(principal))?;
    ctx.authorize(principal, action, &stored.resource())?;
    Ok((tx, stored))
}

async fn save(tx: &mut Tx, content: &Content) -> Result<(), Problem> {
    if store::update(tx, content).await? { Ok(()) } else { Err(Error::Changed.into()) }
}

/// An item with its version. It is not to be cached: its media's progress changes without a new version.
fn reply(content: Content) -> impl IntoResponse {
    ([(header::CACHE_CONTROL, "no-store")], Versioned { version: content.version, body: content })
}

/// What is not an id names nothing.
fn content_id(text: &str) -> Result<ContentId, Error> {
    text.parse().map_err(|_| Error::NotFound)
}
