//! Where a test's state lives.

use tokio_postgres::NoTls;
use uuid::Uuid;

/// The database under a test.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Backend {
    /// SQLite files in a folder of the test's own.
    Sqlite,
    /// A database of the test's own on the server that `NEXUS_TEST_POSTGRES` names.
    Postgres,
}

/// The server that tests use when `NEXUS_TEST_POSTGRES` is not set.
const STANDARD: &str = "postgres://postgres@127.0.0.1:5432/test";

/// A database that ends with the test.
#[derive(Debug)]
pub struct Database {
    name: String,
    server: String,
    /// The URL of the new database.
    pub url: String,
}

impl Database {
    /// Makes a database.
    ///
    /// # Panics
    /// When the server does not answer or its role may not make databases.
    pub async fn create() -> Self {
        let server = std::env::var("NEXUS_TEST_POSTGRES").unwrap_or_else(|_| STANDARD.to_owned());
        let name = format!("nexus_{}", Uuid::now_v7().simple());
        execute(&server, &format!("CREATE DATABASE {name}")).await;
        let (base, _) = server.rsplit_once('/').expect("NEXUS_TEST_POSTGRES ends with /<database>");
        Self { url: format!("{base}/{name}"), name, server }
    }
}

impl Drop for Database {
    /// Removes the database in a thread of its own, as a test's runtime may have ended.
    fn drop(&mut self) {
        let (server, statement) = (self.server.clone(), format!("DROP DATABASE IF EXISTS {} WITH (FORCE)", self.name));
        let removed = std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
            runtime.block_on(execute(&server, &statement));
            Ok::<_, std::io::Error>(())
        });
        // A database left behind is no reason to fail a test that passed.
        let _ = removed.join();
    }
}

async fn execute(server: &str, statement: &str) {
    let (client, connection) = tokio_postgres::connect(server, NoTls)
        .await
        .expect("PostgreSQL answers at NEXUS_TEST_POSTGRES; `make test` starts one");
    let driver = tokio::spawn(connection);
    client.batch_execute(statement).await.expect("the test's role may create databases");
    drop(client);
    let _ = driver.await;
}
