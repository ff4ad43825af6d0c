CREATE TABLE jobs (
    id TEXT PRIMARY KEY,
    tenant_id TEXT NOT NULL,
    content_id TEXT NOT NULL,
    source_key TEXT NOT NULL,
    state TEXT NOT NULL,
    progress DOUBLE PRECISION NOT NULL,
    attempts BIGINT NOT NULL,
    error TEXT,
    -- Whether it failed through no fault of its file.
    retryable BOOLEAN NOT NULL DEFAULT FALSE,
    ladder TEXT NOT NULL,
    -- The process that works on it, and until when nobody else may take it.
    lease_owner TEXT,
    lease_until BIGINT,
    created_at BIGINT NOT NULL,
    started_at BIGINT,
    finished_at BIGINT,
    -- The trace of the request that ordered it.
    cause TEXT
);
-- One job for one source of one item: ordering twice finds the first.
CREATE UNIQUE INDEX jobs_source ON jobs (tenant_id, content_id, source_key);
-- The list of a tenant's jobs, newest first.
CREATE INDEX jobs_list ON jobs (tenant_id, id);
-- The queue, oldest first.
CREATE INDEX jobs_queue ON jobs (state, id);

-- Content that is gone and whose renditions must go.
CREATE TABLE removals (
    content_id TEXT PRIMARY KEY,
    tenant_id TEXT NOT NULL,
    -- Until when a process may still be writing renditions; null when it has said that it stopped.
    busy_until BIGINT
);
