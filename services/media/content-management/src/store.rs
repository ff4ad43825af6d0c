//! Every query of content-management.

mod search;

use nexus_contracts::content_management::{ContentId, MediaState, Status, Visibility};
use nexus_kernel::extract::Page;
use nexus_kernel::store::{FromRow, Query, Reader, Row, Scope, StoreError, Tx};
use nexus_kernel::{Context, TenantId, UserId, params};
use uuid::Uuid;

use crate::content::{Content, SourceFile, StoredContent};
use crate::filter::{Audience, Filter};
use crate::media::Media;
use crate::words::search_text;

pub(crate) use search::{Unindexed, index, unindexed};

/// Sorts after every id: a list without a cursor begins here.
const NEWEST: &str = "g";

impl FromRow for StoredContent {
    fn from_row(row: &Row) -> Result<Self, StoreError> {
        let (upload_id, key): (Option<Uuid>, Option<String>) = (row.get("upload_id")?, row.get("source_key")?);
        let source = upload_id.zip(key).map(|(upload_id, key)| SourceFile { upload_id, key });
        let (visibility, status): (String, String) = (row.get("visibility")?, row.get("status")?);
        Ok(Self {
            tenant: row.get("tenant_id")?,
            source,
            content: Content {
                id: row.get("id")?,
                title: row.get("title")?,
                description: row.get("description")?,
                visibility: visibility_of(&visibility),
                status: if status == Status::Published.as_str() { Status::Published } else { Status::Draft },
                media: media_of(row)?,
                created_by: row.get("created_by")?,
                created_at: row.get("created_at")?,
                updated_at: row.get("updated_at")?,
                published_at: row.get("published_at")?,
                version: row.get("version")?,
            },
        })
    }
}

/// What is not known is private: nobody sees too much.
fn visibility_of(name: &str) -> Visibility {
    let all = [Visibility::Public, Visibility::Members, Visibility::Private];
    all.into_iter().find(|visibility| visibility.as_str() == name).unwrap_or(Visibility::Private)
}

fn media_of(row: &Row) -> Result<Option<Media>, StoreError> {
    let Some(name) = row.get::<Option<String>>("media_state")? else { return Ok(None) };
    let all = [MediaState::Processing, MediaState::Ready, MediaState::Failed];
    Ok(Some(Media {
        state: all.into_iter().find(|state| state.as_str() == name).unwrap_or(MediaState::Failed),
        progress: row.get::<Option<f64>>("media_progress")?.unwrap_or(0.0),
        error: row.get("media_error")?,
        duration_ms: row.get("duration_ms")?,
        width: row.get("width")?,
        height: row.get("height")?,
    }))
}

/// Adds a new item.
pub(crate) async fn insert(tx: &mut Tx, stored: &StoredContent) -> Result<(), StoreError> {
    let (content, source) = (&stored.content, stored.source.as_ref());
    tx.execute(
        "INSERT INTO content (id, tenant_id, title, description, visibility, status, created_by, created_at, updated_at, version,
             search_text, upload_id, source_key, media_state, media_progress)
         VALUES ($1, :tenant, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14)",
        params![
            content.id,
            content.title.as_str(),
            content.description.as_str(),
            content.visibility.as_str(),
            content.status.as_str(),
            content.created_by,
            content.created_at,
            content.updated_at,
            content.version,
            search_text(&content.title, &content.description),
            source.map(|source| source.upload_id),
            source.map(|source| source.key.clone()),
            content.media.as_ref().map(|media| media.state.as_str()),
            content.media.as_ref().map(|media| media.progress),
        ],
    )
    .await?;
    Ok(())
}

/// Notes which item an upload became; `Unique` when it became one already.
pub(crate) async fn attach(tx: &mut Tx, upload: Uuid, content: ContentId) -> Result<(), StoreError> {
    tx.execute(
        "INSERT INTO attached_uploads (tenant_id, upload_id, content_id) VALUES (:tenant, $1, $2)",
        params![upload, content],
    )
    .await?;
    Ok(())
}

struct Attached(ContentId);

impl FromRow for Attached {
    fn from_row(row: &Row) -> Result<Self, StoreError> {
        row.get("content_id").map(Self)
    }
}

/// The item that an upload became.
pub(crate) async fn attached(query: &mut impl Query, upload: Uuid) -> Result<Option<ContentId>, StoreError> {
    let found: Option<Attached> = query
        .query_optional(
            "SELECT content_id FROM attached_uploads WHERE tenant_id = :tenant AND upload_id = $1",
            params![upload],
        )
        .await?;
    Ok(found.map(|Attached(id)| id))
}

/// An item of a tenant.
pub(crate) async fn by_id(query: &mut impl Query, id: ContentId) -> Result<Option<StoredContent>, StoreError> {
    query.query_optional("SELECT * FROM content WHERE tenant_id = :tenant AND id = $1", params![id]).await
}

/// An item whatever its tenant: the caller must ask the policies before it tells anybody.
pub(crate) async fn of_any_tenant(ctx: &Context, id: ContentId) -> Result<Option<StoredContent>, StoreError> {
    let mut reader = ctx.store.read(Scope::System);
    reader.query_optional("SELECT * FROM content WHERE id = $1", params![id]).await
}

/// One page of what an audience sees, newest first.
pub(crate) async fn list(
    ctx: &Context,
    audience: Audience,
    filter: &Filter,
    page: &Page,
) -> Result<Vec<StoredContent>, StoreError> {
    if let Some(wanted) = &filter.words {
        return search::list(ctx, audience, wanted, filter, page).await;
    }
    match audience {
        Audience::Anyone => list_public(&mut ctx.store.read(Scope::System), filter, page).await,
        Audience::Member { tenant, user } => list_for_member(ctx, tenant, user, filter, page).await,
        Audience::Editor { tenant } => list_for_editor(ctx, tenant, filter, page).await,
    }
}

fn after(page: &Page) -> &str {
    page.after.as_deref().unwrap_or(NEWEST)
}

async fn list_public(reader: &mut Reader, filter: &Filter, page: &Page) -> Result<Vec<StoredContent>, StoreError> {
    reader
        .query(
            "SELECT * FROM content
             WHERE status = 'published' AND visibility = 'public' AND id < $1
                 AND ($2 = '' OR status = $2)
             ORDER BY id DESC LIMIT $3",
            params![after(page), filter.status, page.fetch()],
        )
        .await
}

async fn list_for_member(
    ctx: &Context,
    tenant: TenantId,
    user: UserId,
    filter: &Filter,
    page: &Page,
) -> Result<Vec<StoredContent>, StoreError> {
    ctx.store
        .read(tenant)
        .query(
            "SELECT * FROM content
             WHERE tenant_id = :tenant AND status = 'published' AND (visibility IN ('public', 'members') OR created_by = $1)
                 AND id < $2 AND ($3 = '' OR status = $3)
             ORDER BY id DESC LIMIT $4",
            params![user, after(page), filter.status, page.fetch()],
        )
        .await
}

async fn list_for_editor(
    ctx: &Context,
    tenant: TenantId,
    filter: &Filter,
    page: &Page,
) -> Result<Vec<StoredContent>, StoreError> {
    ctx.store
        .read(tenant)
        .query(
            "SELECT * FROM content
             WHERE tenant_id = :tenant AND id < $1 AND ($2 = '' OR status = $2)
             ORDER BY id DESC LIMIT $3",
            params![after(page), filter.status, page.fetch()],
        )
        .await
}

/// Stores what people changed, unless somebody was faster: then false.
pub(crate) async fn update(tx: &mut Tx, content: &Content) -> Result<bool, StoreError> {
    let changed = tx
        .execute(
            "UPDATE content SET title = $2, description = $3, visibility = $4, status = $5, updated_at = $6, published_at = $7,
                 version = $8, search_text = $9
             WHERE tenant_id = :tenant AND id = $1 AND version = $8 - 1",
            params![
                content.id,
                content.title.as_str(),
                content.description.as_str(),
                content.visibility.as_str(),
                content.status.as_str(),
                content.updated_at,
                content.published_at,
                content.version,
                search_text(&content.title, &content.description),
            ],
        )
        .await?;
    Ok(changed == 1)
}

/// Stores how far an item's media is.
pub(crate) async fn update_media(tx: &mut Tx, id: ContentId, media: &Media) -> Result<bool, StoreError> {
    let changed = tx
        .execute(
            "UPDATE content SET media_state = $2, media_progress = $3, media_error = $4, duration_ms = $5, width = $6, height = $7
             WHERE tenant_id = :tenant AND id = $1",
            params![
                id,
                media.state.as_str(),
                media.progress,
                media.error.clone(),
                media.duration_ms,
                media.width,
                media.height,
            ],
        )
        .await?;
    Ok(changed == 1)
}

/// Removes an item, unless somebody changed it meanwhile: then false.
pub(crate) async fn delete(tx: &mut Tx, id: ContentId, version: i64) -> Result<bool, StoreError> {
    let gone = tx
        .execute("DELETE FROM content WHERE tenant_id = :tenant AND id = $1 AND version = $2", params![id, version])
        .await?;
    Ok(gone == 1)
}
