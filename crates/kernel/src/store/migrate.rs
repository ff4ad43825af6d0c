//! A schema's steps.

use sha2::{Digest, Sha256};

use super::snapshot::Applied as TheirStep;
use super::{Database, Dialect, FromRow, Query, Row, Scope, Store, StoreError, Tx};
use crate::blobs::hex;
use crate::{events, leader, params};

/// One step of a schema, never changed once it was released.
///
/// The text uses TEXT, BIGINT, BOOLEAN, DOUBLE PRECISION and BLOB (docs/adr/0005). Foreign keys must not be DEFERRABLE: `SQLite`
/// would check them when it commits several units of work together, and one unit's mistake would undo its neighbours.
#[derive(Debug, Clone, Copy)]
pub struct Migration {
    version: i64,
    name: &'static str,
    sql: &'static str,
    postgres: Option<&'static str>,
}

impl Migration {
    /// A step with one text for both databases; on PostgreSQL, the type BLOB becomes BYTEA.
    pub const fn new(version: i64, name: &'static str, sql: &'static str) -> Self {
        Self { version, name, sql, postgres: None }
    }

    /// Gives the step a text of its own for PostgreSQL, where the databases really differ.
    #[must_use]
    pub const fn postgres(mut self, sql: &'static str) -> Self {
        self.postgres = Some(sql);
        self
    }

    fn text(&self, dialect: Dialect) -> String {
        match (dialect, self.postgres) {
            (Dialect::Sqlite, _) => self.sql.to_owned(),
            (Dialect::Postgres, Some(sql)) => sql.to_owned(),
            (Dialect::Postgres, None) => with_bytea(self.sql),
        }
    }
}

/// What the kernel itself keeps in every store: replies under an idempotency key, events, leases, and who follows its events.
const KERNEL: [Migration; 4] = [
    Migration::new(
        1,
        "idempotency",
        "CREATE TABLE _idempotency (
             tenant_id    TEXT NOT NULL,
             id           TEXT NOT NULL,
             fingerprint  TEXT NOT NULL,
             started_at   BIGINT NOT NULL,
             status       BIGINT,
             content_type TEXT,
             location     TEXT,
             etag         TEXT,
             body         BLOB,
             PRIMARY KEY (tenant_id, id)
         );
         CREATE INDEX _idempotency_by_age ON _idempotency (tenant_id, started_at);",
    ),
    events::SCHEMA,
    leader::SCHEMA,
    events::SUBSCRIBERS,
];

const TABLE: &str = "CREATE TABLE IF NOT EXISTS _migrations (
    owner      TEXT NOT NULL,
    version    BIGINT NOT NULL,
    name       TEXT NOT NULL,
    checksum   TEXT NOT NULL,
    applied_at BIGINT NOT NULL,
    PRIMARY KEY (owner, version)
)";

struct Applied {
    version: i64,
    name: String,
    checksum: String,
}

impl FromRow for Applied {
    fn from_row(row: &Row) -> Result<Self, StoreError> {
        Ok(Self { version: row.get("version")?, name: row.get("name")?, checksum: row.get("checksum")? })
    }
}

/// All steps in one transaction: a schema is as the last version left it, or as this one needs it.
pub(super) async fn run(store: &Store, migrations: &[Migration]) -> Result<(), StoreError> {
    run_steps(store, &KERNEL, migrations).await
}

/// The steps that another copy of the state had, and no later ones.
pub(super) async fn run_as(store: &Store, migrations: &[Migration], theirs: &[TheirStep]) -> Result<(), StoreError> {
    let kernel = until(&KERNEL, "kernel", theirs)?;
    let service = until(migrations, "service", theirs)?;
    run_steps(store, kernel, service).await
}

/// The beginning of a list that has the same steps as an owner's of theirs.
fn until<'a>(list: &'a [Migration], owner: &str, theirs: &[TheirStep]) -> Result<&'a [Migration], StoreError> {
    let theirs: Vec<_> = theirs.iter().filter(|step| step.owner == owner).collect();
    let same = list.iter().zip(&theirs).take_while(|(own, step)| own.version == step.version).count();
    match theirs.get(same) {
        None => Ok(&list[..same]),
        Some(step) => Err(StoreError::Newer { version: step.version, name: step.name.clone() }),
    }
}

async fn run_steps(store: &Store, kernel: &[Migration], service: &[Migration]) -> Result<(), StoreError> {
    let mut tx = store.begin(Scope::System).await?;
    if let Database::Postgres(database) = &store.shared.database {
        alone(&mut tx, database.schema()).await?;
    }
    tx.script(TABLE).await?;
    apply(store, &mut tx, "kernel", kernel).await?;
    apply(store, &mut tx, "service", service).await?;
    tx.commit().await
}

/// Makes the schema, and keeps other processes that start now waiting until it is complete.
async fn alone(tx: &mut Tx, schema: &str) -> Result<(), StoreError> {
    // A migration may take long, and so may the wait for another process that is at it.
    tx.script("SET LOCAL statement_timeout = 0; SET LOCAL lock_timeout = '10min'").await?;
    tx.rows("SELECT pg_advisory_xact_lock(hashtext('nexus-migrate'), hashtext($1))", params![schema]).await?;
    let known = tx.rows("SELECT 1 AS known FROM pg_namespace WHERE nspname = $1", params![schema]).await?;
    if known.is_empty() {
        // A role that may not make schemas can still use one that an administrator made for it.
        tx.script(&format!("CREATE SCHEMA \"{schema}\"")).await?;
    }
    Ok(())
}

async fn apply(store: &Store, tx: &mut Tx, owner: &str, migrations: &[Migration]) -> Result<(), StoreError> {
    let applied: Vec<Applied> = tx
        .query("SELECT version, name, checksum FROM _migrations WHERE owner = $1 ORDER BY version", params![owner])
        .await?;
    let steps: Vec<_> = migrations
        .iter()
        .map(|migration| {
            let text = migration.text(store.dialect());
            (migration, hex(&Sha256::digest(text.as_bytes())), text)
        })
        .collect();
    check(migrations, &applied)?;
    for (done, (migration, checksum, _)) in applied.iter().zip(&steps) {
        if done.checksum != *checksum {
            return Err(refused(migration, "its text is not what it was when it was applied"));
        }
    }
    for (migration, checksum, text) in steps.iter().skip(applied.len()) {
        tx.script(text).await.map_err(|error| refused(migration, error.to_string()))?;
        tx.execute(
            "INSERT INTO _migrations (owner, version, name, checksum, applied_at) VALUES ($1, $2, $3, $4, $5)",
            params![owner, migration.version, migration.name, checksum.as_str(), store.now()],
        )
        .await?;
        tracing::debug!(service = store.shared.service, owner, migration.version, migration.name, "migrated");
    }
    Ok(())
}

/// What is applied must be how the list begins.
fn check(migrations: &[Migration], applied: &[Applied]) -> Result<(), StoreError> {
    let next = migrations.iter().skip(1);
    if let Some((_, next)) = migrations.iter().zip(next).find(|(step, next)| step.version >= next.version) {
        return Err(refused(next, "versions must rise from step to step"));
    }
    let newest = migrations.last().map_or(0, |migration| migration.version);
    if let Some(newer) = applied.iter().find(|done| done.version > newest) {
        return Err(StoreError::Newer { version: newer.version, name: newer.name.clone() });
    }
    let mut known = migrations.iter();
    for done in applied {
        match known.next() {
            Some(migration) if migration.version == done.version => {}
            Some(migration) if migration.version < done.version => {
                return Err(refused(migration, "later ones are applied and it is not"));
            }
            _ => {
                return Err(StoreError::Migration {
                    version: done.version,
                    name: done.name.clone(),
                    reason: "it is applied and no longer there".to_owned(),
                });
            }
        }
    }
    Ok(())
}

fn refused(migration: &Migration, reason: impl Into<String>) -> StoreError {
    StoreError::Migration { version: migration.version, name: migration.name.to_owned(), reason: reason.into() }
}

/// PostgreSQL calls the type BLOB by another name. The word means nothing else in our migrations.
fn with_bytea(sql: &str) -> String {
    let mut text = String::with_capacity(sql.len() + 8);
    for part in sql.split_inclusive(|sign: char| !(sign.is_alphanumeric() || sign == '_')) {
        let word = part.trim_end_matches(|sign: char| !(sign.is_alphanumeric() || sign == '_'));
        if word.eq_ignore_ascii_case("BLOB") {
            text.push_str("BYTEA");
            text.push_str(&part[word.len()..]);
        } else {
            text.push_str(part);
        }
    }
    text
}
