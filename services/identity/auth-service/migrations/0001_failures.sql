-- Sign-ins that failed, by what they tried to enter and where they came from. The subject is a hash: what people type into
-- the field for their address may be anything, a password included. It belongs to no tenant, as it may belong to nobody.
CREATE TABLE sign_in_failures (
    subject TEXT PRIMARY KEY,
    failures BIGINT NOT NULL,
    last_failed_at BIGINT NOT NULL
);
CREATE INDEX sign_in_failures_by_age ON sign_in_failures (last_failed_at);
