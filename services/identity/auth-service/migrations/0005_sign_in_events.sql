-- Who signed in, how and from where, and how it went. Rows are only ever added, until they are too old; that a person is gone
-- for good takes device and address away. Without a tenant are attempts to enter an account that nobody has: they are written
-- like the others so that both take as long.
CREATE TABLE sign_in_events (
    id TEXT PRIMARY KEY,
    tenant_id TEXT,
    user_id TEXT,
    action TEXT NOT NULL,
    outcome TEXT NOT NULL,
    method TEXT,
    device TEXT NOT NULL,
    address TEXT NOT NULL,
    session_id TEXT,
    happened_at BIGINT NOT NULL
);
CREATE INDEX sign_in_events_by_tenant ON sign_in_events (tenant_id, id);
CREATE INDEX sign_in_events_by_person ON sign_in_events (tenant_id, user_id, id);
CREATE INDEX sign_in_events_by_age ON sign_in_events (happened_at);
