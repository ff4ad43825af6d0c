-- Tokens of people and of programs that are good for months, as SHA-256. One that is revoked is gone.
CREATE TABLE api_tokens (
    id TEXT PRIMARY KEY,
    tenant_id TEXT NOT NULL,
    kind TEXT NOT NULL,
    -- Whose it is, or who made it for a program.
    user_id TEXT NOT NULL,
    name TEXT NOT NULL,
    token_hash TEXT NOT NULL UNIQUE,
    roles TEXT NOT NULL,
    -- When a person had these roles: what is older says nothing new.
    roles_at BIGINT NOT NULL,
    scopes TEXT NOT NULL,
    created_at BIGINT NOT NULL,
    expires_at BIGINT NOT NULL,
    last_used_at BIGINT
);
CREATE INDEX api_tokens_by_person ON api_tokens (tenant_id, kind, user_id, id);
CREATE INDEX api_tokens_by_expiry ON api_tokens (expires_at);
CREATE INDEX families_by_user ON families (tenant_id, user_id);
