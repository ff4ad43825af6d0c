//! tus 1.0.0 over HTTP: parse, ask the policies, call the domain, reply.

use axum::body::Body;
use axum::extract::{Path, State};
use axum::middleware::from_fn;
use axum::response::{IntoResponse, Response};
use http::{HeaderMap, StatusCode, header};
use nexus_kernel::extract::{Binary, header_text};
use nexus_kernel::problem::ProblemDetails;
use nexus_kernel::{Context, Principal, Problem, Resource};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;
use uuid::Uuid;

use crate::error::Error;
use crate::protocol::{self, METHOD_OVERRIDE};
use crate::receive::{Incoming, Receivers, lifetime, receive};
use crate::upload::{MAX_UNFINISHED, StoredUpload, UploadState};
use crate::{lease, part, store};

/// Where uploads are made; each one's address is below it.
const FILES: &str = "/api/dsp/upload/files";

/// The routes that speak tus.
pub(crate) fn router() -> OpenApiRouter<Context> {
    OpenApiRouter::new()
        .routes(routes!(create_upload_file, describe_uploads))
        .routes(routes!(
            head_upload_file,
            append_upload_file,
            delete_upload_file,
            override_upload_file_method,
            describe_upload_file
        ))
        .layer(from_fn(protocol::layer))
}

/// What the server can do, as tus says it.
#[utoipa::path(
    options,
    path = "/api/dsp/upload/files",
    operation_id = "describe_uploads",
    tag = "puabo-dsp-upload-mgr",
    responses((status = 204, description = "The abilities", headers(
        ("Tus-Resumable" = String, description = "`1.0.0`"),
        ("Tus-Version" = String, description = "The versions that are spoken"),
        ("Tus-Extension" = String, description = "The extensions that are spoken"),
        ("Tus-Max-Size" = u64, description = "The largest file in bytes"),
        ("Tus-Checksum-Algorithm" = String, description = "`sha1,sha256`"))))
)]
async fn describe_uploads(State(ctx): State<Context>) -> Response {
    (StatusCode::NO_CONTENT, protocol::abilities(&ctx)).into_response()
}

/// What the server can do, as tus says it, at an upload's own address.
#[utoipa::path(
    options,
    path = "/api/dsp/upload/files/{id}",
    operation_id = "describe_upload_file",
    tag = "puabo-dsp-upload-mgr",
    params(("id" = String, Path, format = Uuid, description = "The upload's id")),
    responses((status = 204, description = "The abilities, as at the address above it"))
)]
async fn describe_upload_file(State(ctx): State<Context>) -> Response {
    (StatusCode::NO_CONTENT, protocol::abilities(&ctx)).into_response()
}

/// Begins an upload (tus creation). A body of type `application/offset+octet-stream` is its first part.
#[utoipa::path(
    post,
    path = "/api/dsp/upload/files",
    operation_id = "create_upload_file",
    tag = "puabo-dsp-upload-mgr",
    params(
        ("Tus-Resumable" = String, Header, description = "`1.0.0`", example = "1.0.0"),
        ("Upload-Length" = u64, Header, description = "The file's size in bytes, at least 1"),
        ("Upload-Metadata" = Option<String>, Header, description = "`filename`, `filetype` and `title`, each with its value \
            in base64, separated by commas"),
        ("Upload-Checksum" = Option<String>, Header, description = "`sha1` or `sha256` and the first part's digest in base64"),
    ),
    request_body(content = Option<Binary>, content_type = "application/offset+octet-stream", description = "The first part"),
    responses(
        (status = 201, description = "The upload is there", headers(
            ("Location" = String, description = "Its address"),
            ("Upload-Offset" = u64, description = "How many bytes of it are"),
            ("Upload-Expires" = String, description = "When it is removed unless more of it arrives"))),
        (status = 400, description = "A header is missing or can't be read", body = ProblemDetails),
        (status = 401, description = "Not signed in", body = ProblemDetails),
        (status = 403, description = "Not an editor", body = ProblemDetails),
        (status = 412, description = "Another version of tus", body = ProblemDetails),
        (status = 413, description = "The file is too large, or the part longer than the file", body = ProblemDetails),
        (status = 422, description = "empty-file: the file has no bytes", body = ProblemDetails),
        (status = 429, description = "Too many unfinished uploads", body = ProblemDetails),
        (status = 460, description = "The part does not match its checksum", body = ProblemDetails),
        (status = 507, description = "The disk is full", body = ProblemDetails),
    ),
    security(("bearer" = []))
)]
async fn create_upload_file(
    State(ctx): State<Context>,
    principal: Principal,
    headers: HeaderMap,
    body: Body,
) -> Result<Response, Problem> {
    ctx.authorize(&principal, "create", &Resource::all("Upload", principal.tenant))?;
    let (size, metadata) = protocol::new_upload(&headers, ctx.config.media.max_upload_bytes)?;
    let first = Incoming { body, checksum: protocol::checksum(&headers)? };
    let now = ctx.clock.now();
    let mut stored = StoredUpload::begin(ctx.ids.next(), &principal, metadata, size, now, now.plus(lifetime(&ctx)));
    if protocol::has_part(&headers) {
        stored.check_part(0, protocol::length(&headers))?;
    }
    begin(&ctx, &stored).await?;
    let location = format!("{FILES}/{}", stored.upload.id);
    if protocol::has_part(&headers) {
        let lock = lease::acquire(&ctx, stored.tenant, stored.upload.id).await?;
        stored = receive(&ctx, lock, stored, first).await?;
    }
    Ok((StatusCode::CREATED, [(header::LOCATION, location)], protocol::progress(&stored)).into_response())
}

async fn begin(ctx: &Context, stored: &StoredUpload) -> Result<(), Error> {
    let mut tx = ctx.store.begin(stored.tenant).await?;
    if store::unfinished(&mut tx, stored.owner).await? >= MAX_UNFINISHED {
        return Err(Error::TooMany(MAX_UNFINISHED));
    }
    store::insert(&mut tx, stored).await?;
    tx.commit().await?;
    Ok(())
}

/// How far an upload is (tus core). A part that is still on its way is put away first, so that the offset is exact.
#[utoipa::path(
    head,
    path = "/api/dsp/upload/files/{id}",
    operation_id = "head_upload_file",
    tag = "puabo-dsp-upload-mgr",
    params(
        ("id" = String, Path, format = Uuid, description = "The upload's id"),
        ("Tus-Resumable" = String, Header, description = "`1.0.0`", example = "1.0.0"),
    ),
    responses(
        (status = 200, description = "How far it is", headers(
            ("Upload-Offset" = u64, description = "How many bytes have arrived for good"),
            ("Upload-Length" = u64, description = "How many it has"),
            ("Upload-Metadata" = String, description = "As it was sent"),
            ("Upload-Expires" = String, description = "When it is removed unless more of it arrives"))),
        (status = 401, description = "Not signed in"),
        (status = 403, description = "Not an editor"),
        (status = 404, description = "The person has no such upload"),
        (status = 410, description = "It has expired"),
        (status = 412, description = "Another version of tus"),
        (status = 423, description = "Another request writes to it and does not end"),
    ),
    security(("bearer" = []))
)]
async fn head_upload_file(
    State(ctx): State<Context>,
    principal: Principal,
    Path(id): Path<String>,
) -> Result<Response, Problem> {
    describe(&ctx, &principal, &id).await
}

async fn describe(ctx: &Context, principal: &Principal, id: &str) -> Result<Response, Problem> {
    let id = own(ctx, principal, upload_id(id)?, "view").await?.upload.id;
    let receivers = ctx.state::<Receivers>();
    let mut lock = receivers.locks.acquire(id).await?;
    let mut stored = live(ctx, principal, id, "view").await?;
    if stored.is_written() {
        // By another instance, or by one that died.
        drop(lock);
        lock = lease::acquire(ctx, principal.tenant, id).await?;
        stored = live(ctx, principal, id, "view").await?;
        lease::release(ctx, principal.tenant, id, &receivers.owner).await?;
    }
    drop(lock);
    Ok((StatusCode::OK, protocol::description(&stored)).into_response())
}

/// Appends a part (tus core). What arrives before a connection breaks is kept, unless the part has a checksum.
#[utoipa::path(
    patch,
    path = "/api/dsp/upload/files/{id}",
    operation_id = "append_upload_file",
    tag = "puabo-dsp-upload-mgr",
    params(
        ("id" = String, Path, format = Uuid, description = "The upload's id"),
        ("Tus-Resumable" = String, Header, description = "`1.0.0`", example = "1.0.0"),
        ("Upload-Offset" = u64, Header, description = "At which byte of the file the part begins"),
        ("Upload-Checksum" = Option<String>, Header, description = "`sha1` or `sha256` and the part's digest in base64"),
    ),
    request_body(content = Binary, content_type = "application/offset+octet-stream", description = "The part"),
    responses(
        (status = 204, description = "All of it is kept", headers(
            ("Upload-Offset" = u64, description = "How many bytes have arrived for good"),
            ("Upload-Expires" = String, description = "When it is removed unless more of it arrives"))),
        (status = 400, description = "A header is missing or can't be read", body = ProblemDetails),
        (status = 401, description = "Not signed in", body = ProblemDetails),
        (status = 403, description = "Not an editor", body = ProblemDetails),
        (status = 404, description = "The person has no such upload", body = ProblemDetails),
        (status = 409, description = "wrong-offset: the upload is at another byte", body = ProblemDetails),
        (status = 410, description = "It has expired", body = ProblemDetails),
        (status = 412, description = "Another version of tus", body = ProblemDetails),
        (status = 413, description = "The part goes beyond the file's end", body = ProblemDetails),
        (status = 415, description = "The body is not application/offset+octet-stream", body = ProblemDetails),
        (status = 423, description = "Another request took the upload over, or does not end", body = ProblemDetails),
        (status = 460, description = "The part does not match its checksum; nothing of it is kept", body = ProblemDetails),
        (status = 507, description = "The disk is full", body = ProblemDetails),
    ),
    security(("bearer" = []))
)]
async fn append_upload_file(
    State(ctx): State<Context>,
    principal: Principal,
    Path(id): Path<String>,
    headers: HeaderMap,
    body: Body,
) -> Result<Response, Problem> {
    append(&ctx, &principal, &id, &headers, body).await
}

async fn append(
    ctx: &Context,
    principal: &Principal,
    id: &str,
    headers: &HeaderMap,
    body: Body,
) -> Result<Response, Problem> {
    let mut stored = live(ctx, principal, upload_id(id)?, "write").await?;
    if !protocol::has_part(headers) {
        return Err(Error::WrongType.into());
    }
    let (offset, checksum) = (protocol::offset(headers)?, protocol::checksum(headers)?);
    if stored.upload.state == UploadState::Receiving {
        let (tenant, id) = (stored.tenant, stored.upload.id);
        let lock = lease::acquire(ctx, tenant, id).await?;
        stored = match live(ctx, principal, id, "write").await {
            Ok(now) if now.check_part(offset, protocol::length(headers)).is_ok_and(|missing| missing > 0) => {
                return Ok(appended(&receive(ctx, lock, now, Incoming { body, checksum }).await?));
            }
            now => {
                lease::release(ctx, tenant, id, &ctx.state::<Receivers>().owner).await?;
                now?
            }
        };
    }
    stored.check_part(offset, protocol::length(headers))?;
    Ok(appended(&stored))
}

fn appended(stored: &StoredUpload) -> Response {
    (StatusCode::NO_CONTENT, protocol::progress(stored)).into_response()
}

/// Ends an upload and removes what has arrived (tus termination).
#[utoipa::path(
    delete,
    path = "/api/dsp/upload/files/{id}",
    operation_id = "delete_upload_file",
    tag = "puabo-dsp-upload-mgr",
    params(
        ("id" = String, Path, format = Uuid, description = "The upload's id"),
        ("Tus-Resumable" = String, Header, description = "`1.0.0`", example = "1.0.0"),
    ),
    responses(
        (status = 204, description = "It is gone"),
        (status = 401, description = "Not signed in", body = ProblemDetails),
        (status = 403, description = "Not an editor", body = ProblemDetails),
        (status = 404, description = "The person has no such upload", body = ProblemDetails),
        (status = 409, description = "upload-complete: it belongs to its content now", body = ProblemDetails),
        (status = 412, description = "Another version of tus", body = ProblemDetails),
        (status = 423, description = "Another request writes to it and does not end", body = ProblemDetails),
    ),
    security(("bearer" = []))
)]
async fn delete_upload_file(
    State(ctx): State<Context>,
    principal: Principal,
    Path(id): Path<String>,
) -> Result<Response, Problem> {
    terminate(&ctx, &principal, &id).await
}

async fn terminate(ctx: &Context, principal: &Principal, id: &str) -> Result<Response, Problem> {
    let stored = own(ctx, principal, upload_id(id)?, "delete").await?;
    stored.check_deletable()?;
    let id = stored.upload.id;
    let _lock = lease::acquire(ctx, principal.tenant, id).await?;
    if let Err(problem) = deletable(ctx, principal, id).await {
        lease::release(ctx, principal.tenant, id, &ctx.state::<Receivers>().owner).await?;
        return Err(problem);
    }
    let mut tx = ctx.store.begin(principal.tenant).await?;
    store::delete(&mut tx, id).await?;
    tx.commit().await?;
    part::remove(ctx, id).await.map_err(Error::Blob)?;
    Ok(StatusCode::NO_CONTENT.into_response())
}

async fn deletable(ctx: &Context, principal: &Principal, id: Uuid) -> Result<(), Problem> {
    Ok(own(ctx, principal, id, "delete").await?.check_deletable()?)
}

/// Does what `X-HTTP-Method-Override` names, for clients that can send nothing but GET and POST (tus core).
#[utoipa::path(
    post,
    path = "/api/dsp/upload/files/{id}",
    operation_id = "override_upload_file_method",
    tag = "puabo-dsp-upload-mgr",
    params(
        ("id" = String, Path, format = Uuid, description = "The upload's id"),
        ("Tus-Resumable" = String, Header, description = "`1.0.0`", example = "1.0.0"),
        ("X-HTTP-Method-Override" = String, Header, description = "`HEAD`, `PATCH` or `DELETE`", example = "PATCH"),
    ),
    request_body(content = Option<Binary>, content_type = "application/offset+octet-stream", description = "As for `PATCH`"),
    responses(
        (status = 200, description = "As for `HEAD`"),
        (status = 204, description = "As for `PATCH` and `DELETE`"),
        (status = 400, description = "The header names no method that is known here", body = ProblemDetails),
        (status = 401, description = "Not signed in", body = ProblemDetails),
        (status = 404, description = "The person has no such upload", body = ProblemDetails),
        (status = "4XX", description = "As for the method that is meant", body = ProblemDetails),
    ),
    security(("bearer" = []))
)]
async fn override_upload_file_method(
    State(ctx): State<Context>,
    principal: Principal,
    Path(id): Path<String>,
    headers: HeaderMap,
    body: Body,
) -> Result<Response, Problem> {
    match header_text(&headers, METHOD_OVERRIDE.as_str()) {
        Some("HEAD") => describe(&ctx, &principal, &id).await,
        Some("PATCH") => append(&ctx, &principal, &id, &headers, body).await,
        Some("DELETE") => terminate(&ctx, &principal, &id).await,
        _ => Err(Error::UnknownOverride.into()),
    }
}

/// What is not an id names nothing.
pub(crate) fn upload_id(text: &str) -> Result<Uuid, Error> {
    text.parse().map_err(|_| Error::NotFound)
}

/// An upload of the person's own; anybody else's is not there.
pub(crate) async fn own(ctx: &Context, principal: &Principal, id: Uuid, action: &str) -> Result<StoredUpload, Problem> {
    let found = store::by_id(&mut ctx.store.read(principal.tenant), id).await?;
    let stored = found.filter(|stored| stored.owner == principal.user).ok_or(Error::NotFound)?;
    ctx.authorize(principal, action, &stored.resource())?;
    Ok(stored)
}

/// An upload of the person's own that has not expired.
async fn live(ctx: &Context, principal: &Principal, id: Uuid, action: &str) -> Result<StoredUpload, Problem> {
    let stored = own(ctx, principal, id, action).await?;
    stored.check_live(ctx.clock.now())?;
    Ok(stored)
}
