-- Browsers and programs that signed in to an account before.
CREATE TABLE known_devices (
    id TEXT PRIMARY KEY,
    tenant_id TEXT NOT NULL,
    user_id TEXT NOT NULL,
    -- What failures are counted for, as in sign_in_failures: who signs in says only an address.
    account TEXT NOT NULL,
    -- SHA-256 of the cookie; NULL for a program that keeps none.
    token_hash TEXT UNIQUE,
    name TEXT NOT NULL,
    network TEXT NOT NULL,
    first_seen_at BIGINT NOT NULL,
    last_seen_at BIGINT NOT NULL
);
CREATE INDEX known_devices_by_person ON known_devices (tenant_id, user_id, last_seen_at);
CREATE INDEX known_devices_by_age ON known_devices (last_seen_at);

-- Which accounts a network failed to enter lately, both as hashes: one network that tries many is guessing.
CREATE TABLE accounts_tried (
    network TEXT NOT NULL,
    account TEXT NOT NULL,
    last_tried_at BIGINT NOT NULL,
    PRIMARY KEY (network, account)
);
CREATE INDEX accounts_tried_by_age ON accounts_tried (last_tried_at);

-- What people have yet to be told by mail.
CREATE TABLE notices (
    id TEXT PRIMARY KEY,
    tenant_id TEXT NOT NULL,
    user_id TEXT NOT NULL,
    notice TEXT NOT NULL,
    attempts BIGINT NOT NULL,
    next_attempt_at BIGINT NOT NULL
);
CREATE INDEX notices_due ON notices (next_attempt_at);
