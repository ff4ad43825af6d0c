//! State that lasts: SQL on `SQLite` and on PostgreSQL, from one text.
//!
//! There is one way to read, [`Store::read`], and one way to write, [`Store::begin`]. A statement in a tenant's scope names
//! `:tenant`, events are published only inside a transaction ([`Tx::publish`]), and [`Tx::commit`] returns when it is durable.

pub mod dump;
mod error;
mod fence;
mod migrate;
mod postgres;
mod query;
mod row;
pub mod snapshot;
mod sql;
mod sqlite;
#[cfg(test)]
mod tests;
mod tx;
mod value;

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::Notify;

pub use error::StoreError;
pub(crate) use fence::Fence;
pub use migrate::Migration;
pub(crate) use postgres::with_authorities;
pub use query::Query;
pub use row::{FromRow, Row, Scalar};
pub use tx::Tx;
pub use value::{FromValue, Value};

use crate::ids::TenantId;
use crate::simulation::Simulation;
use crate::time::{Clock, Timestamp};
use sql::Translator;
use tx::Work;

/// How long a unit of work waits for the writer, and anything for a connection.
const WAIT: Duration = Duration::from_secs(10);
/// How long a statement may take.
const STATEMENT_LIMIT: Duration = Duration::from_secs(30);

/// Which database it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Dialect {
    /// `SQLite`.
    Sqlite,
    /// PostgreSQL.
    Postgres,
}

impl Dialect {
    /// The placeholder of a parameter, counted from 1.
    pub(crate) fn placeholder(self, number: usize) -> String {
        match self {
            Self::Sqlite => format!("?{number}"),
            Self::Postgres => format!("${number}"),
        }
    }
}

/// Whose rows a statement may touch.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Scope {
    /// Those of the service itself, and of all tenants. Spelled out where it is used, as it is the exception.
    System,
    /// One tenant's.
    Tenant(TenantId),
}

impl From<TenantId> for Scope {
    fn from(tenant: TenantId) -> Self {
        Self::Tenant(tenant)
    }
}

/// Where a service's state is.
#[derive(Debug, Clone)]
pub enum StoreConfig {
    /// A file of the service's own.
    Sqlite {
        /// The file; it and its folder are made when they are not there.
        path: PathBuf,
    },
    /// A schema of the service's own.
    Postgres {
        /// The server and the database: `postgres://user:password@host:port/database`.
        url: String,
        /// The schema; the first migration makes it.
        schema: String,
        /// How many connections it may have.
        pool: usize,
    },
}

/// A service's state.
#[derive(Clone)]
pub struct Store {
    shared: Arc<Shared>,
}

struct Shared {
    service: String,
    clock: Clock,
    translator: Translator,
    published: Arc<Notify>,
    database: Database,
}

enum Database {
    Sqlite(sqlite::Database),
    Postgres(postgres::Database),
}

impl Database {
    fn dialect(&self) -> Dialect {
        match self {
            Self::Sqlite(_) => Dialect::Sqlite,
            Self::Postgres(_) => Dialect::Postgres,
        }
    }
}

impl Shared {
    /// The statement in the database's dialect and all of its parameters, the tenant among them.
    fn prepare(&self, scope: Scope, sql: &str, mut params: Vec<Value>) -> Result<(Arc<str>, Vec<Value>), StoreError> {
        let tenant = match scope {
            Scope::System => None,
            Scope::Tenant(tenant) => Some(tenant),
        };
        let statement = self.translator.statement(sql, params.len(), tenant.is_some())?;
        params.extend(tenant.map(Value::from));
        Ok((statement.text, params))
    }
}

impl std::fmt::Debug for Store {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Store")
            .field("service", &self.shared.service)
            .field("dialect", &self.dialect())
            .finish_non_exhaustive()
    }
}

impl Store {
    /// Opens a service's store. A file is made when it is not there; PostgreSQL is reached when it is first used.
    pub async fn open(config: StoreConfig, service: &str, clock: Clock) -> Result<Self, StoreError> {
        let published = Arc::new(Notify::new());
        let (dialect, database) = match config {
            StoreConfig::Sqlite { path } => {
                let database =
                    sqlite::Database::open(path, service, Arc::clone(&published), clock.simulation().is_some()).await?;
                (Dialect::Sqlite, Database::Sqlite(database))
            }
            StoreConfig::Postgres { url, schema, pool } => {
                let database = postgres::Database::open(&url, schema, pool, service)?;
                (Dialect::Postgres, Database::Postgres(database))
            }
        };
        let translator = Translator::new(dialect);
        let shared = Shared { service: service.to_owned(), clock, translator, published, database };
        Ok(Self { shared: Arc::new(shared) })
    }

    /// Brings the schema up to date: the kernel's own tables, then the service's. Refuses a schema that a later version made,
    /// and migrations that are not what they were when they were applied.
    pub async fn migrate(&self, migrations: &[Migration]) -> Result<(), StoreError> {
        migrate::run(self, migrations).await
    }

    /// Brings an empty store's schema to where another copy's was, which may be before this program's. Refuses steps that this
    /// program does not know.
    pub async fn migrate_as(&self, migrations: &[Migration], applied: &[snapshot::Applied]) -> Result<(), StoreError> {
        migrate::run_as(self, migrations, applied).await
    }

    /// Begins a unit of work. On `SQLite` there is one at a time and others wait their turn, so it must be short.
    pub async fn begin(&self, scope: impl Into<Scope>) -> Result<Tx, StoreError> {
        let scope = scope.into();
        if let Some(simulation) = self.shared.clock.simulation() {
            simulation.step().await;
        }
        let work = match &self.shared.database {
            Database::Sqlite(database) => Work::Sqlite(database.begin().await?),
            Database::Postgres(database) => Work::Postgres(Box::new(database.begin().await?)),
        };
        Ok(Tx::new(Arc::clone(&self.shared), scope, work, Fence::here(&self.shared)))
    }

    /// Reads what is committed.
    pub fn read(&self, scope: impl Into<Scope>) -> Reader {
        Reader { shared: Arc::clone(&self.shared), scope: scope.into() }
    }

    /// Whether the database answers.
    pub async fn ping(&self) -> Result<(), StoreError> {
        self.read(Scope::System).rows("SELECT 1", Vec::new()).await.map(drop)
    }

    /// With which protocol the connection to the database is encrypted; `None` where it is not, or there is none.
    pub async fn encryption(&self) -> Result<Option<String>, StoreError> {
        if self.dialect() == Dialect::Sqlite {
            return Ok(None);
        }
        let sql = "SELECT CAST(version AS text) AS version FROM pg_stat_ssl WHERE pid = pg_backend_pid() AND ssl";
        let version: Option<Scalar<String>> = self.read(Scope::System).query_optional(sql, Vec::new()).await?;
        Ok(version.map(|Scalar(version)| version))
    }

    /// Finishes what waits and closes the store. Whatever comes later is refused with [`StoreError::Closed`].
    pub async fn close(&self) {
        match &self.shared.database {
            Database::Sqlite(database) => database.close().await,
            Database::Postgres(database) => database.close().await,
        }
    }

    /// Which database it is.
    pub fn dialect(&self) -> Dialect {
        self.shared.database.dialect()
    }

    /// Told of every durable commit that published events.
    pub(crate) fn published(&self) -> Arc<Notify> {
        Arc::clone(&self.shared.published)
    }

    pub(crate) fn simulation(&self) -> Option<&Arc<Simulation>> {
        self.shared.clock.simulation()
    }

    /// The time of the store's clock.
    pub(crate) fn now(&self) -> Timestamp {
        self.shared.clock.now()
    }
}

/// Reads what is committed; it can't write.
pub struct Reader {
    shared: Arc<Shared>,
    scope: Scope,
}

impl std::fmt::Debug for Reader {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Reader")
            .field("service", &self.shared.service)
            .field("scope", &self.scope)
            .finish_non_exhaustive()
    }
}

impl Query for Reader {
    async fn rows(&mut self, sql: &str, params: Vec<Value>) -> Result<Vec<Row>, StoreError> {
        let (text, params) = self.shared.prepare(self.scope, sql, params)?;
        if let Some(simulation) = self.shared.clock.simulation() {
            simulation.step().await;
        }
        match &self.shared.database {
            Database::Sqlite(database) => database.rows(text, params).await,
            Database::Postgres(database) => database.rows(&text, &params).await,
        }
    }
}
