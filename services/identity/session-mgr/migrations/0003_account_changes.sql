-- Changes of accounts that token-mgr has yet to be told: their personal access tokens change or end with them.
CREATE TABLE account_changes (
    id TEXT PRIMARY KEY,
    tenant_id TEXT NOT NULL,
    user_id TEXT NOT NULL,
    roles TEXT NOT NULL,
    state TEXT NOT NULL,
    changed_at BIGINT NOT NULL,
    attempts BIGINT NOT NULL,
    next_attempt_at BIGINT NOT NULL
);
CREATE INDEX account_changes_due ON account_changes (next_attempt_at);
