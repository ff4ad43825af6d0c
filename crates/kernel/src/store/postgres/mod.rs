//! PostgreSQL: one schema a service, one transaction a unit of work.

mod error;
mod lease;
#[cfg(test)]
mod tests;
mod tls;
mod value;

use std::sync::Arc;
use std::time::Duration;

use deadpool_postgres::{Hook, HookError, Manager, ManagerConfig, Pool, RecyclingMethod, Runtime};
use tokio::sync::Semaphore;
use tokio_postgres::Config;
use tokio_postgres_rustls::MakeRustlsConnect;

use super::{Row, STATEMENT_LIMIT, StoreError, Value, WAIT};
pub(super) use lease::Lease as Unit;
use tls::Wishes;
pub(crate) use tls::with_authorities;

/// How long it may take to reach the server.
const CONNECT: Duration = Duration::from_secs(5);
/// How long a transaction may do nothing: a handler that hangs must not keep its locks.
const IDLE: Duration = Duration::from_mins(1);

pub(super) struct Database {
    pool: Pool,
    /// One for each connection: they are handed out in order, and closing waits for all of them.
    permits: Arc<Semaphore>,
    size: u32,
    schema: String,
    tls: MakeRustlsConnect,
}

impl Database {
    pub(super) fn open(url: &str, schema: String, pool: usize, service: &str) -> Result<Self, StoreError> {
        if schema.is_empty()
            || !schema.bytes().all(|sign| sign.is_ascii_lowercase() || sign.is_ascii_digit() || sign == b'_')
        {
            return Err(StoreError::Config(format!("schema {schema:?}: it may have a to z, 0 to 9 and _ only")));
        }
        let size = u32::try_from(pool.max(1)).unwrap_or(u32::MAX);
        let (url, wishes) = Wishes::of(url)?;
        let (config, tls) = (configure(&url, &wishes, &schema, service)?, wishes.connector()?);
        // The URL may name several servers, of which one takes writes: each must have its turn.
        let connect = CONNECT * u32::try_from(config.get_hosts().len().max(1)).unwrap_or(u32::MAX);
        let manager =
            Manager::from_config(config, tls.clone(), ManagerConfig { recycling_method: RecyclingMethod::Fast });
        let pool = Pool::builder(manager)
            .max_size(size as usize)
            .create_timeout(Some(connect))
            .post_create(read_only())
            .runtime(Runtime::Tokio1)
            .build()
            .map_err(|error| StoreError::Config(error.to_string()))?;
        Ok(Self { pool, permits: Arc::new(Semaphore::new(size as usize)), size, schema, tls })
    }

    pub(super) fn schema(&self) -> &str {
        &self.schema
    }

    pub(super) async fn lease(&self) -> Result<Unit, StoreError> {
        let permit = tokio::time::timeout(WAIT, Arc::clone(&self.permits).acquire_owned())
            .await
            .map_err(|_| StoreError::Busy("no connection was free for 10 s"))?
            .map_err(|_| StoreError::Closed)?;
        Ok(Unit::new(self.pool.get().await?, permit, self.tls.clone()))
    }

    /// A connection may have ended since it was last used, and so may all others: then the next one is new.
    pub(super) async fn begin(&self) -> Result<Unit, StoreError> {
        for _ in 0..self.size {
            let mut unit = self.lease().await?;
            match unit.begin().await {
                Err(StoreError::Unavailable(_)) => {}
                begun => return begun.map(|()| unit),
            }
        }
        let mut unit = self.lease().await?;
        unit.begin().await.map(|()| unit)
    }

    /// Asking again does no harm, as a connection outside of a transaction can only read.
    pub(super) async fn rows(&self, text: &str, params: &[Value]) -> Result<Vec<Row>, StoreError> {
        for _ in 0..self.size {
            match self.lease().await?.rows(text, params).await {
                Err(StoreError::Unavailable(_)) => {}
                answered => return answered,
            }
        }
        self.lease().await?.rows(text, params).await
    }

    /// Waits for what runs.
    pub(super) async fn close(&self) {
        if let Ok(all) = self.permits.acquire_many(self.size).await {
            self.permits.close();
            drop(all);
        }
        self.pool.close();
    }
}

/// What writes says so ([`Unit::begin`]). Not among the options with which a connection begins: there it would make every server
/// look like one that takes no writes, and `target_session_attrs=read-write` asks for one that does.
fn read_only() -> Hook {
    Hook::async_fn(|client, _| {
        Box::pin(async {
            client.batch_execute("SET default_transaction_read_only = on").await.map_err(HookError::Backend)
        })
    })
}

fn configure(url: &str, wishes: &Wishes, schema: &str, service: &str) -> Result<Config, StoreError> {
    let mut config: Config =
        url.parse().map_err(|error| StoreError::Config(format!("the address of PostgreSQL: {error}")))?;
    let own = config.get_options().map(|options| format!("{options} ")).unwrap_or_default();
    config
        .options(format!(
            "{own}-c search_path=\"{schema}\" -c statement_timeout={} -c lock_timeout={} \
             -c idle_in_transaction_session_timeout={}",
            STATEMENT_LIMIT.as_millis(),
            WAIT.as_millis(),
            IDLE.as_millis(),
        ))
        .ssl_mode(wishes.mode)
        .application_name(format!("nexus {service}"))
        .connect_timeout(CONNECT)
        .keepalives_idle(Duration::from_secs(30))
        .tcp_user_timeout(Duration::from_secs(30));
    Ok(config)
}
