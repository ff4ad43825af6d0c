-- Which attempt's renditions of an item count. Items that were made before attempts had names have none.
CREATE TABLE renditions (
    content_id TEXT PRIMARY KEY,
    tenant_id TEXT NOT NULL,
    rendition TEXT NOT NULL
);
