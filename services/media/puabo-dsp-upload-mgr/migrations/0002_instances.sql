-- The instance that writes to an upload, until when nobody else may, and whether somebody else wants to.
ALTER TABLE uploads ADD COLUMN writer TEXT;
ALTER TABLE uploads ADD COLUMN writer_until BIGINT;
ALTER TABLE uploads ADD COLUMN wanted BOOLEAN NOT NULL DEFAULT FALSE;

-- What has arrived of an unfinished upload: blobs that follow each other. What a blob has beyond its length was never
-- acknowledged and does not count.
CREATE TABLE chunks (
    upload_id TEXT NOT NULL,
    tenant_id TEXT NOT NULL,
    begins BIGINT NOT NULL,
    length BIGINT NOT NULL,
    key TEXT NOT NULL,
    PRIMARY KEY (upload_id, begins)
);
