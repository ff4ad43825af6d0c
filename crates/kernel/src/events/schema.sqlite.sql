CREATE TABLE _log (
    id          TEXT NOT NULL
);
INSERT INTO _log (id) VALUES (lower(hex(randomblob(16))));
CREATE TABLE _outbox (
    position    INTEGER PRIMARY KEY,
    id          TEXT NOT NULL,
    tenant_id   TEXT NOT NULL,
    type        TEXT NOT NULL,
    key         TEXT NOT NULL,
    time        BIGINT NOT NULL,
    traceparent TEXT,
    data        TEXT NOT NULL
);
CREATE TABLE _cursors (
    source      TEXT PRIMARY KEY,
    position    BIGINT NOT NULL
) WITHOUT ROWID;
CREATE TABLE _parked (
    source      TEXT NOT NULL,
    position    BIGINT NOT NULL,
    id          TEXT NOT NULL,
    tenant_id   TEXT NOT NULL,
    type        TEXT NOT NULL,
    key         TEXT NOT NULL,
    time        BIGINT NOT NULL,
    traceparent TEXT,
    data        TEXT NOT NULL,
    state       TEXT NOT NULL CHECK (state IN ('waiting', 'dead')),
    attempts    BIGINT NOT NULL,
    next_attempt_at BIGINT NOT NULL,
    error       TEXT NOT NULL,
    parked_at   BIGINT NOT NULL,
    PRIMARY KEY (source, position)
);
CREATE INDEX _parked_by_key ON _parked (source, state, tenant_id, key, position);
