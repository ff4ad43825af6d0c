-- Sessions that have ended while access tokens of theirs still look good.
CREATE TABLE revoked_sessions (
    session_id TEXT PRIMARY KEY,
    tenant_id TEXT NOT NULL,
    tokens_valid_until BIGINT NOT NULL
);
CREATE INDEX revoked_sessions_by_end ON revoked_sessions (tokens_valid_until);
