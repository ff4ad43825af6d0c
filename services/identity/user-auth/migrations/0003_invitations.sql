-- People who are asked to join. An address has one invitation of an organisation at most.
CREATE TABLE invitations (
    id TEXT PRIMARY KEY,
    tenant_id TEXT NOT NULL,
    email TEXT NOT NULL,
    -- What the person may do once it is accepted: names of roles with spaces between them, and the ids of groups as JSON.
    roles TEXT NOT NULL,
    groups TEXT NOT NULL,
    -- Who asked last.
    invited_by TEXT NOT NULL,
    token_hash TEXT NOT NULL UNIQUE,
    created_at BIGINT NOT NULL,
    expires_at BIGINT NOT NULL,
    UNIQUE (tenant_id, email)
);
CREATE INDEX invitations_by_tenant ON invitations (tenant_id, id);

-- The organisation's short name, for addresses; NULL until somebody chooses it.
ALTER TABLE organisations ADD COLUMN slug TEXT;
CREATE UNIQUE INDEX organisations_by_slug ON organisations (slug);
ALTER TABLE organisations ADD COLUMN version BIGINT NOT NULL DEFAULT 1;
