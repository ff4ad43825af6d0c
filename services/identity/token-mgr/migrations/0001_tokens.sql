-- The keys that sign access tokens. They belong to the cloud and not to a tenant.
CREATE TABLE signing_keys (
    kid TEXT PRIMARY KEY,
    -- Two processes that make the next key at once make one: the second finds the generation taken.
    generation BIGINT NOT NULL UNIQUE,
    seed BLOB NOT NULL,
    active_from BIGINT NOT NULL
);

-- The tokens of one session.
CREATE TABLE families (
    session_id TEXT PRIMARY KEY,
    tenant_id TEXT NOT NULL,
    user_id TEXT NOT NULL,
    roles TEXT NOT NULL,
    expires_at BIGINT NOT NULL,
    last_used_at BIGINT NOT NULL,
    revoked_at BIGINT
);
CREATE INDEX families_by_expiry ON families (expires_at);

-- Refresh tokens, as SHA-256. Spent ones stay until their family expires, so that a second use is recognised.
CREATE TABLE refresh_tokens (
    token_hash TEXT PRIMARY KEY,
    tenant_id TEXT NOT NULL,
    session_id TEXT NOT NULL,
    issued_at BIGINT NOT NULL,
    spent_at BIGINT
);
CREATE INDEX refresh_tokens_by_session ON refresh_tokens (session_id);
