-- The name that a directory knows the person by, as it was given and in lower case.
ALTER TABLE users ADD COLUMN user_name TEXT NOT NULL DEFAULT '';
ALTER TABLE users ADD COLUMN user_name_key TEXT NOT NULL DEFAULT '';
UPDATE users SET user_name = email, user_name_key = email;
CREATE UNIQUE INDEX users_by_user_name ON users (tenant_id, user_name_key);
-- What a directory says of the person, as JSON; NULL for accounts that no directory has written.
ALTER TABLE users ADD COLUMN directory_entry TEXT;

-- The directory's own id of the group.
ALTER TABLE groups ADD COLUMN external_id TEXT;

-- The values that directories look for: one row for each attribute of a person or a group, and for each part of one that has
-- parts; `position` tells apart the values of an attribute that has several.
CREATE TABLE directory_values (
    resource_id TEXT NOT NULL,
    tenant_id TEXT NOT NULL,
    attribute TEXT NOT NULL,
    position BIGINT NOT NULL,
    part TEXT NOT NULL,
    -- In lower case, unless the attribute tells upper from lower case.
    value TEXT NOT NULL,
    PRIMARY KEY (resource_id, attribute, position, part)
);
CREATE INDEX directory_values_by_value ON directory_values (tenant_id, attribute, part, value, resource_id);
INSERT INTO directory_values (resource_id, tenant_id, attribute, position, part, value)
    SELECT id, tenant_id, 'userName', 0, '', email FROM users;
INSERT INTO directory_values (resource_id, tenant_id, attribute, position, part, value)
    SELECT id, tenant_id, 'displayName', 0, '', lower(name) FROM users;
INSERT INTO directory_values (resource_id, tenant_id, attribute, position, part, value)
    SELECT id, tenant_id, 'emails', 0, 'value', email FROM users;
INSERT INTO directory_values (resource_id, tenant_id, attribute, position, part, value)
    SELECT id, tenant_id, 'emails', 0, 'primary', 'true' FROM users;
INSERT INTO directory_values (resource_id, tenant_id, attribute, position, part, value)
    SELECT id, tenant_id, 'displayName', 0, '', name_key FROM groups;

-- Accounts that are gone for good: nothing of the person but the id, which others may still name.
CREATE TABLE erased_users (
    id TEXT PRIMARY KEY,
    tenant_id TEXT NOT NULL,
    erased_at BIGINT NOT NULL,
    erased_by TEXT NOT NULL
);
