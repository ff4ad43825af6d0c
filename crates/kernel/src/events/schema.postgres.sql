CREATE TABLE _log (
    id          TEXT NOT NULL
);
INSERT INTO _log (id) VALUES (CAST(gen_random_uuid() AS TEXT));
CREATE TABLE _outbox (
    inserted    BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    position    BIGINT UNIQUE,
    id          TEXT NOT NULL,
    tenant_id   TEXT NOT NULL,
    type        TEXT NOT NULL,
    key         TEXT NOT NULL,
    time        BIGINT NOT NULL,
    traceparent TEXT,
    data        TEXT NOT NULL
);
CREATE INDEX _outbox_unnumbered ON _outbox (inserted) WHERE position IS NULL;
CREATE TABLE _cursors (
    source      TEXT PRIMARY KEY,
    position    BIGINT NOT NULL
);
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
