-- When and how the person proved who they are; unknown of sessions from before this.
ALTER TABLE families ADD COLUMN authenticated_at BIGINT;
ALTER TABLE families ADD COLUMN methods TEXT NOT NULL DEFAULT '[]';
-- The application that the session is for, what it may do, and the key that its tokens are bound to.
ALTER TABLE families ADD COLUMN client_id TEXT;
ALTER TABLE families ADD COLUMN scope TEXT NOT NULL DEFAULT '';
ALTER TABLE families ADD COLUMN confirmation TEXT;

-- Access tokens that are refused though they have not expired and their session goes on.
CREATE TABLE revoked_access_tokens (
    token_id TEXT PRIMARY KEY,
    tenant_id TEXT NOT NULL,
    expires_at BIGINT NOT NULL
);
CREATE INDEX revoked_access_tokens_by_expiry ON revoked_access_tokens (expires_at);

-- The keys that sign, counted apart for each algorithm.
CREATE TABLE keys_of_algorithms (
    kid TEXT PRIMARY KEY,
    algorithm TEXT NOT NULL,
    -- Two processes that make the next key at once make one: the second finds the generation taken.
    generation BIGINT NOT NULL,
    -- As key-service has sealed it; in the clear only where it was written before that, until it is read the next time.
    sealed TEXT,
    seed BLOB,
    active_from BIGINT NOT NULL,
    UNIQUE (algorithm, generation)
);
INSERT INTO keys_of_algorithms (kid, algorithm, generation, seed, active_from)
    SELECT kid, 'EdDSA', generation, seed, active_from FROM signing_keys;
DROP TABLE signing_keys;
ALTER TABLE keys_of_algorithms RENAME TO signing_keys;

-- When the family was used before its last use: what an attempt to use it is judged by, once it has taken the row.
ALTER TABLE families ADD COLUMN previously_used_at BIGINT NOT NULL DEFAULT 0;
CREATE INDEX families_by_use ON families (last_used_at);
