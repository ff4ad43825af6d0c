CREATE TABLE content (
    id TEXT PRIMARY KEY,
    tenant_id TEXT NOT NULL,
    title TEXT NOT NULL,
    description TEXT NOT NULL,
    visibility TEXT NOT NULL,
    status TEXT NOT NULL,
    created_by TEXT NOT NULL,
    created_at BIGINT NOT NULL,
    updated_at BIGINT NOT NULL,
    published_at BIGINT,
    version BIGINT NOT NULL,
    -- Title and description in lower case, for the search.
    search_text TEXT NOT NULL,
    -- The upload that brought the file, and where the file is; null without media, like all that follows.
    upload_id TEXT,
    source_key TEXT,
    media_state TEXT,
    media_progress DOUBLE PRECISION,
    media_error TEXT,
    duration_ms BIGINT,
    width BIGINT,
    height BIGINT
);
-- A tenant's list, newest first.
CREATE INDEX content_list ON content (tenant_id, id);
-- The list that everybody sees, newest first.
CREATE INDEX content_public ON content (status, visibility, id);

-- Which item an upload became. It outlives the item, so that an upload reported twice does not bring a deleted item back.
CREATE TABLE attached_uploads (
    tenant_id TEXT NOT NULL,
    upload_id TEXT NOT NULL,
    content_id TEXT NOT NULL,
    PRIMARY KEY (tenant_id, upload_id)
);
