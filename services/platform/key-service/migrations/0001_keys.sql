-- What the keys of everything stored are under. They belong to the cloud and not to a tenant.
CREATE TABLE seals (
    id BIGINT PRIMARY KEY CHECK (id = 1),
    kind TEXT NOT NULL,
    -- For a passphrase: what it is hashed with.
    salt BLOB,
    -- For shares: how many there are, and how many it takes.
    shares BIGINT NOT NULL,
    threshold BIGINT NOT NULL,
    created_at BIGINT NOT NULL
);

-- The root keys, each encrypted with the master key. The newest encrypts; the others open what they encrypted.
CREATE TABLE root_keys (
    generation BIGINT PRIMARY KEY,
    wrapped BLOB NOT NULL,
    created_at BIGINT NOT NULL
);

-- Keys that people make. Their material is in transit_key_versions.
CREATE TABLE transit_keys (
    id TEXT PRIMARY KEY,
    tenant_id TEXT NOT NULL,
    name TEXT NOT NULL,
    kind TEXT NOT NULL,
    owner_id TEXT NOT NULL,
    usable_by TEXT NOT NULL,
    derived BOOLEAN NOT NULL,
    convergent BOOLEAN NOT NULL,
    exportable BOOLEAN NOT NULL,
    deletion_allowed BOOLEAN NOT NULL,
    latest_version BIGINT NOT NULL,
    min_available_version BIGINT NOT NULL,
    min_decryption_version BIGINT NOT NULL,
    min_encryption_version BIGINT NOT NULL,
    rotate_every_seconds BIGINT NOT NULL,
    -- When the newest version was made, and when it is to be replaced by itself.
    rotated_at BIGINT NOT NULL,
    rotate_at BIGINT,
    created_at BIGINT NOT NULL,
    UNIQUE (tenant_id, name)
);
CREATE INDEX transit_keys_due ON transit_keys (rotate_at);

CREATE TABLE transit_key_versions (
    key_id TEXT NOT NULL,
    tenant_id TEXT NOT NULL,
    version BIGINT NOT NULL,
    material BLOB NOT NULL,
    created_at BIGINT NOT NULL,
    PRIMARY KEY (key_id, version)
);

-- Secrets: their metadata, the folders that they are in, and their versions.
CREATE TABLE secrets (
    tenant_id TEXT NOT NULL,
    path TEXT NOT NULL,
    folder TEXT NOT NULL,
    current_version BIGINT NOT NULL,
    max_versions BIGINT NOT NULL,
    cas_required BOOLEAN NOT NULL,
    delete_after_seconds BIGINT NOT NULL,
    custom_metadata TEXT NOT NULL,
    created_at BIGINT NOT NULL,
    updated_at BIGINT NOT NULL,
    PRIMARY KEY (tenant_id, path)
);
CREATE INDEX secrets_of_folder ON secrets (tenant_id, folder);

CREATE TABLE secret_folders (
    tenant_id TEXT NOT NULL,
    path TEXT NOT NULL,
    folder TEXT NOT NULL,
    PRIMARY KEY (tenant_id, path)
);
CREATE INDEX secret_folders_of_folder ON secret_folders (tenant_id, folder);

CREATE TABLE secret_versions (
    tenant_id TEXT NOT NULL,
    path TEXT NOT NULL,
    version BIGINT NOT NULL,
    -- Encrypted; null once it is destroyed.
    value BLOB,
    created_at BIGINT NOT NULL,
    -- When it was, or by itself will be, deleted.
    deleted_at BIGINT,
    PRIMARY KEY (tenant_id, path, version)
);

CREATE TABLE secret_rules (
    tenant_id TEXT PRIMARY KEY,
    max_versions BIGINT NOT NULL,
    cas_required BOOLEAN NOT NULL,
    delete_after_seconds BIGINT NOT NULL
);

-- Keys of the other services: one for each context. Without material it was shredded. They are the cloud's, whose tenant is
-- the id of zeros.
CREATE TABLE context_keys (
    tenant_id TEXT NOT NULL,
    service TEXT NOT NULL,
    context_hash TEXT NOT NULL,
    material BLOB,
    created_at BIGINT NOT NULL,
    shredded_at BIGINT,
    PRIMARY KEY (tenant_id, service, context_hash)
);

-- Who did what with which key or secret. Lines are added and, when they are old, forgotten; they are never changed.
CREATE TABLE audit (
    id TEXT PRIMARY KEY,
    tenant_id TEXT NOT NULL,
    user_id TEXT NOT NULL,
    action TEXT NOT NULL,
    target TEXT NOT NULL,
    version BIGINT,
    number BIGINT NOT NULL,
    outcome TEXT NOT NULL,
    request_id TEXT NOT NULL,
    at BIGINT NOT NULL
);
CREATE INDEX audit_of_tenant ON audit (tenant_id, id);
CREATE INDEX audit_of_target ON audit (tenant_id, target, id);
CREATE INDEX audit_by_age ON audit (at);
