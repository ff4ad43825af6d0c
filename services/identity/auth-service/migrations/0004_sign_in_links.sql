-- Links that sign in, from when somebody asks for one until it is used or too old. Of no tenant: whether the address has an
-- account is only looked up when the link is mailed.
CREATE TABLE sign_in_links (
    id TEXT PRIMARY KEY,
    email TEXT NOT NULL,
    -- SHA-256 of the cookie of the browser that asked.
    browser_hash TEXT NOT NULL,
    -- SHA-256 of the token that was mailed; NULL until it was.
    token_hash TEXT UNIQUE,
    expires_at BIGINT NOT NULL,
    attempts BIGINT NOT NULL,
    -- NULL once the link is on its way.
    next_attempt_at BIGINT
);
CREATE INDEX sign_in_links_due ON sign_in_links (next_attempt_at);
CREATE INDEX sign_in_links_by_expiry ON sign_in_links (expires_at);
