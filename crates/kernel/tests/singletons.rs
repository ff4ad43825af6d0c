//! Jobs that run on one instance at a time, on both databases.

#![expect(clippy::unwrap_used, reason = "a panic is how a test fails")]

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use futures::future::BoxFuture;
use nexus_kernel::cache::Cache;
use nexus_kernel::config::Config;
use nexus_kernel::discovery::InProcess;
use nexus_kernel::events::LocalCarrier;
use nexus_kernel::runtime::{Cloud, Environment};
use nexus_kernel::store::{Migration, Query, Scalar, Scope, Store, StoreError};
use nexus_kernel::{Clock, Context, Job, Problem, Service, params};
use nexus_testkit::{Backend, Database, eventually, eventually_within};
use tempfile::TempDir;
use tokio::sync::mpsc::{UnboundedSender, unbounded_channel};

const SERVICE: &str = "scheduler";
const JOB: &str = "tick";
const LONG: Duration = Duration::from_hours(24);

static SCHEMA: [Migration; 1] = [Migration::new(1, "ticks", "CREATE TABLE ticks (by_whom TEXT NOT NULL)")];

/// One store that several instances open.
struct World {
    folder: TempDir,
    database: Option<Database>,
}

impl World {
    async fn new(backend: Backend) -> Self {
        let database = match backend {
            Backend::Sqlite => None,
            Backend::Postgres => Some(Database::create().await),
        };
        Self { folder: tempfile::tempdir().unwrap(), database }
    }

    async fn instance(
        &self,
        period: Duration,
        body: impl Fn(Context) -> BoxFuture<'static, Result<(), Problem>> + Send + Sync + 'static,
    ) -> Cloud {
        let service = Service::new(SERVICE).migrations(&SCHEMA).job(Job::singleton(JOB, period, body));
        Cloud::start(&environment(self.folder.path(), self.database.as_ref()), vec![service]).await.unwrap()
    }

    /// The store without any job.
    async fn bystander(&self) -> Cloud {
        let service = Service::new(SERVICE).migrations(&SCHEMA);
        Cloud::start(&environment(self.folder.path(), self.database.as_ref()), vec![service]).await.unwrap()
    }
}

fn environment(folder: &Path, database: Option<&Database>) -> Environment {
    let mut config = Config { data: folder.to_owned(), ..Config::default() };
    config.store.pool = 4;
    if let Some(database) = database {
        config.store.postgres = database.url.as_str().into();
    }
    Environment {
        config: Arc::new(config),
        clock: Clock::system(),
        carrier: Arc::new(LocalCarrier::new()),
        cache: Cache::embedded(Clock::system()),
        discovery: Arc::new(InProcess::new()),
    }
}

fn store(cloud: &Cloud) -> Store {
    cloud.context_of(SERVICE).unwrap().store.clone()
}

async fn change(store: &Store, sql: &str) -> u64 {
    let mut tx = store.begin(Scope::System).await.unwrap();
    let changed = tx.execute(sql, params![]).await.unwrap();
    tx.commit().await.unwrap();
    changed
}

async fn number(store: &Store, sql: &str) -> u64 {
    store.read(Scope::System).query_one::<Scalar<u64>>(sql, params![]).await.unwrap().0
}

/// Notes a run in the store.
async fn tick(store: &Store) -> Result<(), StoreError> {
    let mut tx = store.begin(Scope::System).await?;
    tx.execute("INSERT INTO ticks (by_whom) VALUES ('a leader')", params![]).await?;
    tx.commit().await
}

async fn of_two_instances_only_one_runs_it_at_a_time(backend: Backend) {
    let world = World::new(backend).await;
    let (inside, overlapped) = (Arc::new(AtomicU64::new(0)), Arc::new(AtomicBool::new(false)));
    let body = || {
        let (inside, overlapped) = (Arc::clone(&inside), Arc::clone(&overlapped));
        move |context: Context| -> BoxFuture<'static, Result<(), Problem>> {
            let (inside, overlapped) = (Arc::clone(&inside), Arc::clone(&overlapped));
            Box::pin(async move {
                if inside.fetch_add(1, Ordering::SeqCst) > 0 {
                    overlapped.store(true, Ordering::SeqCst);
                }
                let ticked = tick(&context.store).await;
                inside.fetch_sub(1, Ordering::SeqCst);
                Ok(ticked?)
            })
        }
    };
    let one = world.instance(Duration::from_millis(1), body()).await;
    let other = world.instance(Duration::from_millis(1), body()).await;
    let store = store(&one);
    eventually_within(Duration::from_secs(30), "twenty runs", async || {
        one.context_of(SERVICE).unwrap().wake(JOB);
        other.context_of(SERVICE).unwrap().wake(JOB);
        (number(&store, "SELECT COUNT(*) AS n FROM ticks").await >= 20).then_some(())
    })
    .await;
    assert!(!overlapped.load(Ordering::SeqCst));
    let (runs, token) = (
        number(&store, "SELECT COUNT(*) AS n FROM ticks").await,
        number(&store, "SELECT token AS n FROM _leases WHERE name = 'tick'").await,
    );
    assert!(token >= runs, "each run has a token of its own: {runs} runs, token {token}");
    one.shutdown().await;
    other.shutdown().await;
}

async fn what_one_instance_has_just_done_another_does_not_do_again_when_it_starts(backend: Backend) {
    let world = World::new(backend).await;
    let body = |context: Context| -> BoxFuture<'static, Result<(), Problem>> {
        Box::pin(async move { Ok(tick(&context.store).await?) })
    };
    let one = world.instance(LONG, body).await;
    let store = store(&one);
    let ended = "SELECT COUNT(*) AS n FROM _leases WHERE name = 'tick' AND ended_at IS NOT NULL";
    eventually("the first run", async || (number(&store, ended).await == 1).then_some(())).await;
    let (sender, mut looked) = unbounded_channel();
    let other = world.instance(LONG, announcing(sender)).await;
    // A wake is behind the look at the start, so that what comes first shows whether that one ran it.
    other.context_of(SERVICE).unwrap().wake(JOB);
    looked.recv().await.unwrap();
    let token = "SELECT token AS n FROM _leases WHERE name = 'tick'";
    eventually("two runs", async || (number(&store, token).await == 2).then_some(())).await;
    one.shutdown().await;
    other.shutdown().await;
    assert_eq!(looked.recv().await, None);
}

/// A body that only says that it ran.
fn announcing(sender: UnboundedSender<()>) -> impl Fn(Context) -> BoxFuture<'static, Result<(), Problem>> {
    move |_| {
        let _ = sender.send(());
        Box::pin(async { Ok(()) })
    }
}

/// When a unit of work of the leader begins.
#[derive(Clone, Copy)]
enum Begun {
    Before,
    After,
}

/// The leader loses its lease to another in the middle of a run; how the commit of its unit of work ends.
async fn commit_around_a_takeover(world: &World, begun: Begun) {
    let aside = store(&world.bystander().await);
    let (sender, mut ends) = unbounded_channel();
    let leader = world
        .instance(LONG, move |context| {
            let (aside, sender) = (aside.clone(), sender.clone());
            Box::pin(async move {
                let takeover = async || {
                    let took =
                        "UPDATE _leases SET token = token + 1, renewals = 0, holder = 'another' WHERE name = 'tick'";
                    assert_eq!(change(&aside, took).await, 1);
                };
                if matches!(begun, Begun::After) {
                    takeover().await;
                }
                let mut tx = context.store.begin(Scope::System).await?;
                tx.execute("INSERT INTO ticks (by_whom) VALUES ('too late')", params![]).await?;
                if matches!(begun, Begun::Before) {
                    takeover().await;
                }
                sender.send(tx.commit().await).unwrap();
                Ok(())
            })
        })
        .await;
    assert_eq!(ends.recv().await.unwrap(), Err(StoreError::Fenced(JOB)));
    assert_eq!(number(&store(&leader), "SELECT COUNT(*) AS n FROM ticks").await, 0);
    // Nor does it give back what is no longer its own.
    assert_eq!(number(&store(&leader), "SELECT COUNT(*) AS n FROM _leases WHERE holder = 'another'").await, 1);
    leader.shutdown().await;
}

async fn a_leader_that_was_taken_over_can_not_commit(backend: Backend) {
    commit_around_a_takeover(&World::new(backend).await, Begun::After).await;
}

/// While a unit of work commits, nobody can take the lease from it: what is checked stays true until the commit. On SQLite nobody
/// else writes while a unit of work is open.
#[tokio::test(flavor = "multi_thread")]
async fn a_unit_that_was_begun_before_the_takeover_is_refused_after_it() {
    commit_around_a_takeover(&World::new(Backend::Postgres).await, Begun::Before).await;
}

async fn a_leader_that_falls_silent_is_followed_by_another_under_a_larger_token(backend: Backend) {
    let world = World::new(backend).await;
    let store = store(&world.bystander().await);
    change(&store, "INSERT INTO _leases (name, token, renewals, holder) VALUES ('tick', 7, 3, 'a ghost')").await;
    let (sender, mut ran) = unbounded_channel();
    let begun = std::time::Instant::now();
    let follower = world.instance(LONG, announcing(sender)).await;
    ran.recv().await.unwrap();
    assert!(begun.elapsed() >= Duration::from_secs(4), "a term must pass, for the ghost may be alive");
    eventually("the lease to be free", async || {
        (number(&store, "SELECT COUNT(*) AS n FROM _leases WHERE holder IS NULL AND token = 8").await == 1)
            .then_some(())
    })
    .await;
    follower.shutdown().await;
}

async fn a_leader_that_is_at_work_keeps_its_lease_for_longer_than_a_term(backend: Backend) {
    let world = World::new(backend).await;
    let (sender, mut ran) = unbounded_channel();
    let slow = sender.clone();
    let one = world
        .instance(LONG, move |context| {
            let slow = slow.clone();
            Box::pin(async move {
                slow.send(()).unwrap();
                tokio::time::sleep(Duration::from_secs(7)).await;
                Ok(tick(&context.store).await?)
            })
        })
        .await;
    ran.recv().await.unwrap();
    let other = world.instance(LONG, announcing(sender)).await;
    other.context_of(SERVICE).unwrap().wake(JOB);
    ran.recv().await.unwrap();
    assert_eq!(number(&store(&other), "SELECT COUNT(*) AS n FROM ticks").await, 1, "the first had ended");
    one.shutdown().await;
    other.shutdown().await;
}

/// Declares each test on both databases.
macro_rules! on_each_database {
    ($($name:ident),+ $(,)?) => {
        mod sqlite {
            $(#[tokio::test(flavor = "multi_thread")]
            async fn $name() {
                super::$name(nexus_testkit::Backend::Sqlite).await;
            })+
        }
        mod postgres {
            $(#[tokio::test(flavor = "multi_thread")]
            async fn $name() {
                super::$name(nexus_testkit::Backend::Postgres).await;
            })+
        }
    };
}

on_each_database!(
    of_two_instances_only_one_runs_it_at_a_time,
    what_one_instance_has_just_done_another_does_not_do_again_when_it_starts,
    a_leader_that_was_taken_over_can_not_commit,
    a_leader_that_falls_silent_is_followed_by_another_under_a_larger_token,
    a_leader_that_is_at_work_keeps_its_lease_for_longer_than_a_term,
);
