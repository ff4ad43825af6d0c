-- People's authenticator apps. The secret is sealed, under a key of the person's own.
CREATE TABLE authenticators (
    user_id TEXT PRIMARY KEY,
    tenant_id TEXT NOT NULL,
    secret TEXT NOT NULL,
    created_at BIGINT NOT NULL,
    -- NULL until the person has shown a first code; not asked for at sign-in before.
    confirmed_at BIGINT,
    -- The 30 seconds of the last code that was used: that code and those before it are good no more (RFC 6238 section 5.2).
    last_step BIGINT NOT NULL
);

-- Recovery codes that were not used yet, as hashes.
CREATE TABLE recovery_codes (
    user_id TEXT NOT NULL,
    code_hash TEXT NOT NULL,
    tenant_id TEXT NOT NULL,
    PRIMARY KEY (user_id, code_hash)
);

-- Sign-ins between their two steps, as SHA-256 of the token that goes on with them.
CREATE TABLE challenges (
    token_hash TEXT PRIMARY KEY,
    tenant_id TEXT NOT NULL,
    user_id TEXT NOT NULL,
    -- What the first step's failures are counted for.
    account TEXT NOT NULL,
    roles TEXT NOT NULL,
    checked_at BIGINT NOT NULL,
    method TEXT NOT NULL,
    -- How many codes may still be tried.
    tries_left BIGINT NOT NULL,
    expires_at BIGINT NOT NULL
);
CREATE INDEX challenges_by_expiry ON challenges (expires_at);
