CREATE TABLE sessions (
    id TEXT PRIMARY KEY,
    tenant_id TEXT NOT NULL,
    user_id TEXT NOT NULL,
    device TEXT NOT NULL,
    address TEXT NOT NULL,
    created_at BIGINT NOT NULL,
    last_seen_at BIGINT NOT NULL,
    expires_at BIGINT NOT NULL,
    revoked_at BIGINT,
    revocation_reason TEXT
);
CREATE INDEX sessions_by_user ON sessions (tenant_id, user_id, id);
CREATE INDEX sessions_by_expiry ON sessions (expires_at);

-- The moment before which a look at a person's account counts for nothing: its roles or credentials have changed since.
CREATE TABLE authentication_floors (
    user_id TEXT PRIMARY KEY,
    tenant_id TEXT NOT NULL,
    authenticated_before BIGINT NOT NULL
);

-- Families of tokens that token-mgr has yet to be told to end.
CREATE TABLE family_revocations (
    session_id TEXT PRIMARY KEY,
    tenant_id TEXT NOT NULL,
    user_id TEXT NOT NULL,
    expires_at BIGINT NOT NULL,
    attempts BIGINT NOT NULL,
    next_attempt_at BIGINT NOT NULL
);
CREATE INDEX family_revocations_due ON family_revocations (next_attempt_at);
