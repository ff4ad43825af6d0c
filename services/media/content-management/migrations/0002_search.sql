-- Items get numbers in the order in which they were made: the index of words, and every page of what it finds, goes by them.
CREATE TABLE numbered_content (
    number INTEGER PRIMARY KEY AUTOINCREMENT,
    id TEXT NOT NULL UNIQUE,
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
    -- The words of title and description in lower case, each once and with a space before it. A text that begins with
    -- something else is from before there was an index, and not in it until the job `index-content` has taken it apart.
    search_text TEXT NOT NULL,
    upload_id TEXT,
    source_key TEXT,
    media_state TEXT,
    media_progress DOUBLE PRECISION,
    media_error TEXT,
    duration_ms BIGINT,
    width BIGINT,
    height BIGINT
);
INSERT INTO numbered_content (id, tenant_id, title, description, visibility, status, created_by, created_at, updated_at,
        published_at, version, search_text, upload_id, source_key, media_state, media_progress, media_error, duration_ms,
        width, height)
    SELECT id, tenant_id, title, description, visibility, status, created_by, created_at, updated_at,
        published_at, version, search_text, upload_id, source_key, media_state, media_progress, media_error, duration_ms,
        width, height
    FROM content ORDER BY id;
DROP TABLE content;
ALTER TABLE numbered_content RENAME TO content;
CREATE INDEX content_list ON content (tenant_id, id);
CREATE INDEX content_public ON content (status, visibility, id);
CREATE INDEX content_unindexed ON content (number) WHERE substr(search_text, 1, 1) <> ' ';

-- Each word stands in the index behind its organisation, so that no search reads another's words; the words of what
-- everybody may see stand there once more, behind as many x. An index of beginnings for the first eight letters keeps a
-- search for a common one from reading all that have it.
CREATE VIRTUAL TABLE content_search USING fts5(words, content = '', contentless_delete = 1, detail = 'none', tokenize = 'ascii',
    prefix = '33 34 35 36 37 38 39 40');
CREATE TRIGGER content_search_insert AFTER INSERT ON content WHEN substr(new.search_text, 1, 1) = ' ' BEGIN
    INSERT INTO content_search (rowid, words) VALUES (new.number,
        replace(new.search_text, ' ', ' ' || replace(new.tenant_id, '-', ''))
            || CASE WHEN new.status = 'published' AND new.visibility = 'public' THEN replace(new.search_text, ' ', ' xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx') ELSE '' END);
END;
CREATE TRIGGER content_search_delete AFTER DELETE ON content WHEN substr(old.search_text, 1, 1) = ' ' BEGIN
    DELETE FROM content_search WHERE rowid = old.number;
END;
CREATE TRIGGER content_search_update AFTER UPDATE OF search_text, status, visibility ON content
WHEN new.search_text <> old.search_text OR new.status <> old.status OR new.visibility <> old.visibility BEGIN
    DELETE FROM content_search WHERE rowid = old.number AND substr(old.search_text, 1, 1) = ' ';
    INSERT INTO content_search (rowid, words)
        SELECT new.number, replace(new.search_text, ' ', ' ' || replace(new.tenant_id, '-', ''))
            || CASE WHEN new.status = 'published' AND new.visibility = 'public' THEN replace(new.search_text, ' ', ' xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx') ELSE '' END
        WHERE substr(new.search_text, 1, 1) = ' ';
END;
