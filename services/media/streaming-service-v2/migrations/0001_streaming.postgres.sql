-- Calls that other services are owed, in the order in which they became due.
CREATE TABLE tasks (
    number BIGSERIAL PRIMARY KEY,
    tenant_id TEXT NOT NULL,
    content_id TEXT NOT NULL,
    kind TEXT NOT NULL,
    -- What to call, as JSON.
    task TEXT NOT NULL,
    attempts BIGINT NOT NULL,
    -- When it may be tried: in the future while somebody is at it, and after a failure.
    not_before BIGINT NOT NULL,
    -- The trace of the event that caused it.
    cause TEXT
);
-- The first task of each content item.
CREATE INDEX tasks_of_content ON tasks (content_id, number);

-- The secret behind signed addresses.
CREATE TABLE signing_keys (
    id TEXT PRIMARY KEY,
    secret TEXT NOT NULL
);
