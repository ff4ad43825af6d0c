-- Single access tokens that are refused though their session goes on.
CREATE TABLE revoked_tokens (
    token_id TEXT PRIMARY KEY,
    tenant_id TEXT NOT NULL,
    valid_until BIGINT NOT NULL
);
CREATE INDEX revoked_tokens_by_end ON revoked_tokens (valid_until);
