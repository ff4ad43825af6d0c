//! HTTP: parse, decide, deliver.

use axum::Json;
use axum::extract::{Path, State};
use axum::response::{IntoResponse, Response};
use http::{HeaderMap, Method, header};
use nexus_contracts::content_management::ContentId;
use nexus_contracts::streaming_service_v2::Playback;
use nexus_kernel::auth::MaybePrincipal;
use nexus_kernel::extract::Binary;
use nexus_kernel::problem::ProblemDetails;
use nexus_kernel::{Context, Problem};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::access::Access;
use crate::delivery::{Asked, deliver};
use crate::error::Error;
use crate::facts::{Facts, Known};
use crate::file::MediaFile;
use crate::playback;
use crate::signing_key::SigningKey;

/// All routes of the service.
pub(crate) fn router() -> OpenApiRouter<Context> {
    OpenApiRouter::new()
        .routes(routes!(get_playback))
        .routes(routes!(get_stream_file))
        .routes(routes!(get_rendition_file))
}

/// How to play an item: addresses that a player opens without a token. Those of content that is not public expire.
#[utoipa::path(
    get,
    path = "/api/stream/{content_id}/playback",
    operation_id = "get_playback",
    tag = "streaming-service-v2",
    params(("content_id" = ContentId, Path, description = "The item's id")),
    responses(
        (status = 200, description = "The addresses", body = Playback),
        (status = 401, description = "The token is not valid", body = ProblemDetails),
        (status = 404, description = "No such item that the asker may play", body = ProblemDetails),
        (status = 409, description = "media-not-ready: it can't be played yet", body = ProblemDetails),
        (status = 503, description = "content-management does not answer", body = ProblemDetails),
    ),
    security((), ("bearer" = []))
)]
async fn get_playback(
    State(ctx): State<Context>,
    MaybePrincipal(asker): MaybePrincipal,
    Path(content): Path<String>,
) -> Result<impl IntoResponse, Problem> {
    let facts = ctx.state::<Facts>().fresh(&ctx, content_id(&content)?).await?.facts;
    let access = playback::grant(&ctx, &facts, asker.as_ref())?;
    playback::check_ready(&facts)?;
    let key = ctx.state::<SigningKey>();
    let addresses = playback::addresses(&facts, access, key.secret(&ctx).await?);
    Ok(([(header::CACHE_CONTROL, "no-store")], Json(addresses)))
}

/// The multivariant playlist (`master.m3u8`) or the poster (`poster.jpg`) of an item. `HEAD` works as well.
#[utoipa::path(
    get,
    path = "/api/stream/hls/{content_id}/{access}/{file}",
    operation_id = "get_stream_file",
    tag = "streaming-service-v2",
    params(
        ("content_id" = ContentId, Path, description = "The item's id"),
        ("access" = String, Path, description = "`public`, `public-` and the version, or what a signed address has in this place"),
        ("file" = String, Path, description = "`master.m3u8` or `poster.jpg`"),
        ("Range" = Option<String>, Header, description = "One range of bytes"),
        ("If-Range" = Option<String>, Header, description = "The `ETag` of the version that the range is of"),
        ("If-None-Match" = Option<String>, Header, description = "The `ETag` of the version that is known"),
    ),
    responses(
        (status = 200, description = "The file", content(
            (Binary = "application/vnd.apple.mpegurl"), (Binary = "image/jpeg")),
            headers(("ETag" = String, description = "Its version"))),
        (status = 206, description = "The range of it", content(
            (Binary = "application/vnd.apple.mpegurl"), (Binary = "image/jpeg")),
            headers(("Content-Range" = String, description = "Which bytes these are"))),
        (status = 304, description = "The version is known"),
        (status = 403, description = "The signature is not good, or it has expired", body = ProblemDetails),
        (status = 404, description = "No such file, or nobody may play the item at this address", body = ProblemDetails),
        (status = 416, description = "The range has no byte of the file", body = ProblemDetails),
    )
)]
async fn get_stream_file(
    State(ctx): State<Context>,
    method: Method,
    Path((content, access, file)): Path<(String, String, String)>,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let file = MediaFile::top(&file).ok_or(Error::NoFile)?;
    Ok(uncached_unless_found(serve(&ctx, &content, &access, &file, &method, &headers).await))
}

/// A rendition's playlist (`index.m3u8`), its initialisation (`init.mp4`) or a segment, or a thumbnail. `HEAD` works as well.
#[utoipa::path(
    get,
    path = "/api/stream/hls/{content_id}/{access}/{rendition}/{file}",
    operation_id = "get_rendition_file",
    tag = "streaming-service-v2",
    params(
        ("content_id" = ContentId, Path, description = "The item's id"),
        ("access" = String, Path, description = "`public`, `public-` and the version, or what a signed address has in this place"),
        ("rendition" = String, Path, description = "As the multivariant playlist names it: `720p`, `audio`; or `thumbs`"),
        ("file" = String, Path, description = "`index.m3u8`, `init.mp4`, `00000.m4s`; of `thumbs` `1.jpg` to `4.jpg`"),
        ("Range" = Option<String>, Header, description = "One range of bytes"),
        ("If-Range" = Option<String>, Header, description = "The `ETag` of the version that the range is of"),
        ("If-None-Match" = Option<String>, Header, description = "The `ETag` of the version that is known"),
    ),
    responses(
        (status = 200, description = "The file", content(
            (Binary = "application/vnd.apple.mpegurl"), (Binary = "video/mp4"), (Binary = "video/iso.segment"),
            (Binary = "image/jpeg")),
            headers(("ETag" = String, description = "Its version"))),
        (status = 206, description = "The range of it", content(
            (Binary = "application/vnd.apple.mpegurl"), (Binary = "video/mp4"), (Binary = "video/iso.segment"),
            (Binary = "image/jpeg")),
            headers(("Content-Range" = String, description = "Which bytes these are"))),
        (status = 304, description = "The version is known"),
        (status = 403, description = "The signature is not good, or it has expired", body = ProblemDetails),
        (status = 404, description = "No such file, or nobody may play the item at this address", body = ProblemDetails),
        (status = 416, description = "The range has no byte of the file", body = ProblemDetails),
    )
)]
async fn get_rendition_file(
    State(ctx): State<Context>,
    method: Method,
    Path((content, access, rendition, file)): Path<(String, String, String, String)>,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let file = MediaFile::below(&rendition, &file).ok_or(Error::NoFile)?;
    Ok(uncached_unless_found(serve(&ctx, &content, &access, &file, &method, &headers).await))
}

async fn serve(
    ctx: &Context,
    content: &str,
    access: &str,
    file: &MediaFile,
    method: &Method,
    headers: &HeaderMap,
) -> Result<Response, Problem> {
    let content = content_id(content)?;
    let key = ctx.state::<SigningKey>();
    let access = Access::verify(access, content, key.secret(ctx).await?, ctx.clock.now())?;
    let facts = ctx.state::<Facts>();
    let mut known = facts.recent(ctx, content).await?;
    if playable(ctx, &known, access).is_err() {
        // Another instance of the service may have given out the address just now.
        known = facts.fresh(ctx, content).await?;
        playable(ctx, &known, access)?;
    }
    deliver(ctx, &known, file, Asked { method, headers, access }).await
}

fn playable(ctx: &Context, known: &Known, access: Access) -> Result<(), Problem> {
    playback::check(ctx, &known.facts, access)?;
    Ok(playback::check_ready(&known.facts).map_err(|_| Error::NoFile)?)
}

/// A refusal is for this moment: a cache that kept it would still refuse what is published next.
fn uncached_unless_found(served: Result<Response, Problem>) -> Response {
    served.unwrap_or_else(|problem| ([(header::CACHE_CONTROL, "no-store")], problem).into_response())
}

/// What is not an id names nothing.
fn content_id(text: &str) -> Result<ContentId, Error> {
    text.parse().map_err(|_| Error::NotFound)
}
