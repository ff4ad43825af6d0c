CREATE TABLE organisations (
    tenant_id TEXT PRIMARY KEY,
    name TEXT NOT NULL,
    -- How many of its people have the role `owner`; never less than one.
    owners BIGINT NOT NULL CHECK (owners >= 1),
    created_at BIGINT NOT NULL,
    -- 1 for the organisation that set-up makes: there is room for one, so that set-up happens once.
    made_at_setup BIGINT UNIQUE CHECK (made_at_setup = 1)
);

CREATE TABLE users (
    id TEXT PRIMARY KEY,
    tenant_id TEXT NOT NULL,
    name TEXT NOT NULL,
    -- Unique across organisations: it is all that a person says who signs in.
    email TEXT NOT NULL UNIQUE,
    email_verified_at BIGINT,
    password_hash TEXT NOT NULL,
    roles TEXT NOT NULL,
    created_at BIGINT NOT NULL,
    version BIGINT NOT NULL
);
CREATE INDEX users_by_tenant ON users (tenant_id, id);

-- Links that show that an address is a person's, as SHA-256 of their token. A person has one at most: the newest.
CREATE TABLE email_verifications (
    user_id TEXT PRIMARY KEY,
    tenant_id TEXT NOT NULL,
    token_hash TEXT NOT NULL UNIQUE,
    expires_at BIGINT NOT NULL
);
CREATE INDEX email_verifications_by_expiry ON email_verifications (expires_at);

-- Addresses that somebody wants a new link for, whether an account has them or not.
CREATE TABLE verification_requests (
    id TEXT PRIMARY KEY,
    tenant_id TEXT NOT NULL,
    email TEXT NOT NULL
);

-- Mail on its way out; without a mail server, the development mailbox.
CREATE TABLE mails (
    id TEXT PRIMARY KEY,
    tenant_id TEXT NOT NULL,
    recipient TEXT NOT NULL,
    subject TEXT NOT NULL,
    body TEXT NOT NULL,
    created_at BIGINT NOT NULL,
    attempts BIGINT NOT NULL,
    next_attempt_at BIGINT NOT NULL
);
CREATE INDEX mails_by_tenant ON mails (tenant_id, id);
CREATE INDEX mails_due ON mails (next_attempt_at);

-- People whose sessions session-mgr has yet to be told to end.
CREATE TABLE session_revocations (
    user_id TEXT PRIMARY KEY,
    tenant_id TEXT NOT NULL,
    reason TEXT NOT NULL,
    -- Tells an order from an earlier one for the same person.
    order_id TEXT NOT NULL,
    attempts BIGINT NOT NULL,
    next_attempt_at BIGINT NOT NULL
);
CREATE INDEX session_revocations_due ON session_revocations (next_attempt_at);
