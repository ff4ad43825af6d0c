CREATE TABLE uploads (
    id TEXT PRIMARY KEY,
    tenant_id TEXT NOT NULL,
    owner TEXT NOT NULL,
    filename TEXT NOT NULL,
    title TEXT NOT NULL,
    -- Upload-Metadata as the client sent it; HEAD must give it back unchanged.
    metadata TEXT NOT NULL,
    size BIGINT NOT NULL,
    -- How many bytes are on disk for good: the Upload-Offset.
    received BIGINT NOT NULL,
    state TEXT NOT NULL,
    error TEXT,
    content_id TEXT,
    created_at BIGINT NOT NULL,
    -- When an unfinished upload is removed; each part that arrives moves it on.
    expires_at BIGINT NOT NULL,
    -- When it was accepted or refused.
    ended_at BIGINT,
    -- The trace of the request that began it.
    cause TEXT
);
-- A person's uploads, newest first.
CREATE INDEX uploads_list ON uploads (tenant_id, owner, id);
-- What has to be checked, expires, or can be forgotten.
CREATE INDEX uploads_state ON uploads (state, id);

-- Files in the blob store that nobody needs any more.
CREATE TABLE removals (
    upload_id TEXT PRIMARY KEY,
    tenant_id TEXT NOT NULL
);
