//! PostgreSQL: one server, or a primary and the standby that every commit waits for.

use std::fs::DirBuilder;
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use nexus_testkit::{eventually, eventually_within};
use tokio::time::timeout;
use tokio_postgres::{NoTls, SimpleQueryMessage};

use super::{Place, Server, free_port};
use crate::program::{POSTGRES_USER, Program, is_root, postgres};

/// The database of the system under test.
const DATABASE: &str = "faults";
/// How long a server may take to recover, or to become a standby.
const PATIENCE: Duration = Duration::from_mins(1);

/// What a server is made as.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Role {
    /// The only one.
    Alone,
    /// One of two: what it acknowledges, the other has.
    OneOfTwo,
}

/// A PostgreSQL server of the suite's own.
#[derive(Debug)]
pub struct Postgres {
    place: Place,
    data: PathBuf,
    port: u16,
    server: Server,
}

impl Postgres {
    /// Makes a new cluster in `data` and starts it.
    async fn create(place: &Place, data: &Path) -> Self {
        let server = Self::at(place, data).await;
        let initdb = Program::new(postgres("initdb")).as_postgres();
        // Small segments, so that a full disk is soon noticed in the log too.
        let rules =
            ["-U", "postgres", "--auth=trust", "--encoding=UTF8", "--no-locale", "--no-sync", "--wal-segsize=1"];
        initdb.args(["-D"]).args([data]).args(rules).run().await;
        let file = data.join("pg_hba.conf");
        let known = std::fs::read_to_string(&file).expect("initdb wrote it");
        let all = "host all all 0.0.0.0/0 trust\nhost replication all 0.0.0.0/0 trust\n";
        std::fs::write(&file, known + all).expect("the suite's folder can be written");
        server
    }

    async fn at(place: &Place, data: &Path) -> Self {
        make_folder(data).await;
        let port = free_port().await;
        let program = Program::new(postgres("postgres"))
            .args(["-D"])
            .args([data])
            .args(["-p", &port.to_string()])
            .args(settings(&place.address).iter().flat_map(|setting| ["-c", setting]))
            .as_postgres()
            .within(place.namespace.as_deref());
        let server = Server::new(program, &place.folder.join(format!("postgres-{port}.log")), "QUIT");
        Self { place: place.clone(), data: data.to_owned(), port, server }
    }

    /// Starts it, unless it runs, and waits until it takes connections.
    pub async fn start_again(&mut self) {
        eventually_within(PATIENCE, "PostgreSQL to answer", async || {
            // After a disk was full it may have ended more than once.
            self.server.start();
            self.query("postgres", "SELECT 1").await
        })
        .await;
    }

    /// The immediate way (SIGQUIT): nothing is written that was not before, and the next start recovers from the log.
    pub async fn stop_immediately(&mut self) {
        self.server.stop("QUIT").await;
    }

    /// Whether it runs no more.
    pub fn has_ended(&mut self) -> bool {
        self.server.has_ended()
    }

    fn host(&self) -> String {
        format!("{}:{}", self.place.address, self.port)
    }

    /// The first column of the first row; `None` when it does not answer.
    async fn query(&self, database: &str, sql: &str) -> Option<String> {
        let url = format!("postgres://postgres@{}/{database}", self.host());
        let work = async {
            let (client, connection) = tokio_postgres::connect(&url, NoTls).await?;
            let driver = tokio::spawn(connection);
            let answer = client.simple_query(sql).await;
            drop(client);
            let _ = driver.await;
            answer
        };
        let answer = timeout(Duration::from_secs(40), work).await.ok()?.ok()?;
        let row = answer.iter().find_map(|message| match message {
            SimpleQueryMessage::Row(row) => Some(row.get(0).unwrap_or_default().to_owned()),
            _ => None,
        });
        Some(row.unwrap_or_default())
    }

    async fn must(&self, sql: &str) -> String {
        self.query("postgres", sql).await.unwrap_or_else(|| panic!("PostgreSQL at {} does this: {sql}", self.host()))
    }
}

fn settings(address: &str) -> [String; 8] {
    [
        format!("listen_addresses={address}"),
        "unix_socket_directories=".to_owned(),
        "max_connections=120".to_owned(),
        "shared_buffers=16MB".to_owned(),
        "min_wal_size=2MB".to_owned(),
        "max_wal_size=16MB".to_owned(),
        "wal_keep_size=8MB".to_owned(),
        "wal_receiver_status_interval=1s".to_owned(),
    ]
}

/// An empty folder that PostgreSQL's user owns, and nobody else may look into: PostgreSQL insists on that.
async fn make_folder(data: &Path) {
    if is_root() {
        let owner = ["-d", "-m", "700", "-o", POSTGRES_USER, "-g", POSTGRES_USER];
        Program::new("install").args(owner).args([data]).run().await;
    } else {
        let made = DirBuilder::new().recursive(true).mode(0o700).create(data);
        made.expect("the suite's folder can be written");
    }
}

/// The server that takes writes, and the one that follows it, if there is one.
#[derive(Debug)]
pub struct Primary {
    /// The server that takes writes.
    pub server: Postgres,
    /// The other, if there are two: it follows, or it was lost.
    other: Option<Postgres>,
    followed: bool,
}

impl Primary {
    /// Starts one server with its data in a folder of the place, or two.
    pub async fn start(place: &Place, data: &Path, role: Role) -> Self {
        let mut server = Postgres::create(place, data).await;
        server.start_again().await;
        server.must(&format!("CREATE DATABASE {DATABASE}")).await;
        let mut primary = Self { server, other: None, followed: false };
        if role == Role::OneOfTwo {
            let other = Postgres::at(place, &place.folder.join("standby")).await;
            primary.follow(other).await;
        }
        primary
    }

    /// What the system under test connects to: all servers, of which it finds the one that takes writes.
    pub fn url(&self) -> String {
        let hosts: Vec<_> =
            [Some(&self.server), self.other.as_ref()].into_iter().flatten().map(Postgres::host).collect();
        let suffix = if hosts.len() > 1 { "?target_session_attrs=read-write" } else { "" };
        format!("postgres://postgres@{}/{DATABASE}{suffix}", hosts.join(","))
    }

    /// Makes a server follow this one, from a copy, and from then on a commit wait for it.
    async fn follow(&mut self, mut other: Postgres) {
        std::fs::remove_dir_all(&other.data).expect("its folder is the suite's own");
        make_folder(&other.data).await;
        let source = format!("postgres://postgres@{}", self.server.host());
        let copy = Program::new(postgres("pg_basebackup")).as_postgres().within(self.server.place.namespace.as_deref());
        copy.args(["-d", &source, "-R", "-X", "stream", "--checkpoint=fast", "--no-sync", "-D"])
            .args([&other.data])
            .run()
            .await;
        other.start_again().await;
        self.server.must("ALTER SYSTEM SET synchronous_standby_names = '*'").await;
        self.server.must("SELECT pg_reload_conf()").await;
        eventually_within(PATIENCE, "the standby to follow", async || {
            let state = self.server.query("postgres", "SELECT sync_state FROM pg_stat_replication").await?;
            (state == "sync").then_some(())
        })
        .await;
        // Commits wait for it from the moment at which the server has read its configuration anew.
        eventually("commits to wait for the standby", async || {
            let names = self.server.query("postgres", "SHOW synchronous_standby_names").await?;
            (names == "*").then_some(())
        })
        .await;
        self.other = Some(other);
        self.followed = true;
    }

    /// Whether there are two servers.
    pub fn is_one_of_two(&self) -> bool {
        self.other.is_some()
    }

    /// Sees that it has a standby: after a failover, the server that was lost, made anew from a copy.
    pub async fn be_followed(&mut self) {
        if !self.followed {
            let lost = self.other.take().expect("there are two servers");
            self.follow(lost).await;
        }
    }

    /// The primary is gone without a word, and its standby takes its place.
    pub async fn fail_over(&mut self) {
        assert!(self.followed, "it has a standby");
        self.server.stop_immediately().await;
        let standby = self.other.take().expect("it has a standby");
        self.other = Some(std::mem::replace(&mut self.server, standby));
        self.followed = false;
        assert_eq!(self.server.must("SELECT pg_promote(true, 30)").await, "t", "the standby becomes the primary");
        // Until it has a standby of its own, its commits wait for nobody.
        self.server.must("ALTER SYSTEM SET synchronous_standby_names = ''").await;
        self.server.must("SELECT pg_reload_conf()").await;
    }
}
