CREATE TABLE applications (
    id TEXT PRIMARY KEY,
    tenant_id TEXT NOT NULL,
    definition TEXT NOT NULL,
    secret_hash TEXT,
    created_at BIGINT NOT NULL,
    updated_at BIGINT NOT NULL,
    version BIGINT NOT NULL
);
CREATE INDEX applications_by_tenant ON applications (tenant_id, id);

-- Tokens with which applications register themselves.
CREATE TABLE registration_tokens (
    id TEXT PRIMARY KEY,
    tenant_id TEXT NOT NULL,
    token_hash TEXT NOT NULL UNIQUE,
    name TEXT NOT NULL,
    created_at BIGINT NOT NULL,
    expires_at BIGINT NOT NULL
);
CREATE INDEX registration_tokens_by_tenant ON registration_tokens (tenant_id, id);
CREATE INDEX registration_tokens_by_expiry ON registration_tokens (expires_at);

-- Authorization requests that applications left here for a browser to fetch.
CREATE TABLE pushed_requests (
    id_hash TEXT PRIMARY KEY,
    tenant_id TEXT NOT NULL,
    application_id TEXT NOT NULL,
    asked TEXT NOT NULL,
    expires_at BIGINT NOT NULL
);
CREATE INDEX pushed_requests_by_expiry ON pushed_requests (expires_at);

-- Authorization requests that browsers brought.
CREATE TABLE authorizations (
    id TEXT PRIMARY KEY,
    tenant_id TEXT NOT NULL,
    application_id TEXT NOT NULL,
    asked TEXT NOT NULL,
    browser_hash TEXT NOT NULL,
    created_at BIGINT NOT NULL,
    expires_at BIGINT NOT NULL,
    answered_at BIGINT
);
CREATE INDEX authorizations_by_expiry ON authorizations (expires_at);

-- A code stays after its use, so that its second use is recognised.
CREATE TABLE codes (
    code_hash TEXT PRIMARY KEY,
    tenant_id TEXT NOT NULL,
    application_id TEXT NOT NULL,
    asked TEXT NOT NULL,
    approval TEXT NOT NULL,
    person_session TEXT NOT NULL,
    expires_at BIGINT NOT NULL,
    spent_at BIGINT,
    revoked_at BIGINT,
    grant_session TEXT
);
CREATE INDEX codes_by_person_session ON codes (tenant_id, person_session);
CREATE INDEX codes_by_expiry ON codes (expires_at);

CREATE TABLE device_requests (
    device_code_hash TEXT PRIMARY KEY,
    user_code TEXT NOT NULL UNIQUE,
    tenant_id TEXT NOT NULL,
    application_id TEXT NOT NULL,
    scope TEXT NOT NULL,
    state TEXT NOT NULL,
    approval TEXT,
    person_session TEXT,
    wait_seconds BIGINT NOT NULL,
    polled_at BIGINT,
    expires_at BIGINT NOT NULL
);
CREATE INDEX device_requests_by_person_session ON device_requests (tenant_id, person_session);
CREATE INDEX device_requests_by_expiry ON device_requests (expires_at);

-- What people agreed to.
CREATE TABLE consents (
    tenant_id TEXT NOT NULL,
    user_id TEXT NOT NULL,
    application_id TEXT NOT NULL,
    scope TEXT NOT NULL,
    granted_at BIGINT NOT NULL,
    PRIMARY KEY (tenant_id, user_id, application_id)
);
CREATE INDEX consents_by_application ON consents (tenant_id, application_id);

-- Sessions in which applications act for people.
CREATE TABLE grants (
    session_id TEXT PRIMARY KEY,
    tenant_id TEXT NOT NULL,
    user_id TEXT NOT NULL,
    application_id TEXT NOT NULL,
    person_session TEXT NOT NULL,
    scope TEXT NOT NULL,
    expires_at BIGINT NOT NULL,
    ended_at BIGINT
);
CREATE INDEX grants_by_person_session ON grants (tenant_id, person_session);
CREATE INDEX grants_by_user ON grants (tenant_id, user_id, application_id);
CREATE INDEX grants_by_application ON grants (tenant_id, application_id);
CREATE INDEX grants_by_expiry ON grants (expires_at);

-- Sessions that have yet to be ended.
CREATE TABLE session_ends (
    session_id TEXT PRIMARY KEY,
    tenant_id TEXT NOT NULL,
    reason TEXT NOT NULL,
    attempts BIGINT NOT NULL,
    next_attempt_at BIGINT NOT NULL
);
CREATE INDEX session_ends_due ON session_ends (next_attempt_at);

-- Applications that have yet to be told that a session has ended.
CREATE TABLE logout_notices (
    id TEXT PRIMARY KEY,
    tenant_id TEXT NOT NULL,
    application_id TEXT NOT NULL,
    user_id TEXT NOT NULL,
    session_id TEXT NOT NULL,
    attempts BIGINT NOT NULL,
    next_attempt_at BIGINT NOT NULL
);
CREATE INDEX logout_notices_due ON logout_notices (next_attempt_at);

-- Proofs that are good once and have been used.
CREATE TABLE proofs (
    id TEXT PRIMARY KEY,
    tenant_id TEXT NOT NULL,
    expires_at BIGINT NOT NULL
);
CREATE INDEX proofs_by_expiry ON proofs (expires_at);
