//! Every service as a process of its own, found by NATS, with state in PostgreSQL and caches in Redis.

use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use futures::future::join_all;
use nexus_kernel::Clock;
use nexus_kernel::config::{Config, MeshConfig};
use nexus_kernel::discovery::{Discovery, NatsDiscovery};
use nexus_kernel::mesh::tls::installation;
use nexus_testkit::{Database, NatsServer, eventually};
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::program::{Door, Running, free_port, nexus, nexus_with, stderr, stdout};

const SECRET: &str = "a secret that all processes of this test share";
const EMAIL: &str = "ada@example.com";
const PASSWORD: &str = "correct horse battery";
const READY: &str = "Ready for other processes: ";

/// What all processes of an installation need.
struct Installation {
    folder: TempDir,
    nats: NatsServer,
    database: Database,
    redis: String,
}

impl Installation {
    async fn new() -> Self {
        let redis = std::env::var("NEXUS_TEST_REDIS").unwrap_or_else(|_| "redis://127.0.0.1:6379".to_owned());
        Self {
            folder: tempfile::tempdir().unwrap(),
            nats: NatsServer::start().await,
            database: Database::create().await,
            // Apart from the other tests' limits and counters.
            redis: format!("{redis}/9"),
        }
    }

    fn variables(&self) -> Vec<(&'static str, String)> {
        vec![
            ("NEXUS_STORE__POSTGRES", self.database.url.clone()),
            ("NEXUS_STORE__POOL", "2".to_owned()),
            ("NEXUS_BUS__NATS", self.nats.url()),
            ("NEXUS_CACHE__REDIS", self.redis.clone()),
            ("NEXUS_MESH__SECRET", SECRET.to_owned()),
            ("NEXUS_MESH__PORTS", "any".to_owned()),
        ]
    }

    /// The services' processes, begun together and all ready.
    fn run(&self, services: &[&str]) -> Vec<Running> {
        let begun: Vec<_> =
            services.iter().map(|name| Running::begin(self.folder.path(), &["run", name], &self.variables())).collect();
        begun
            .into_iter()
            .map(|mut running| {
                running.wait_for_start(READY);
                running
            })
            .collect()
    }

    async fn discovery(&self) -> NatsDiscovery {
        let mesh = MeshConfig { secret: SECRET.into(), ..Config::default().mesh };
        NatsDiscovery::connect(&self.nats.url(), installation(&mesh).as_deref(), Clock::system()).await.unwrap()
    }
}

/// All services of the build but the gateway.
fn others(folder: &TempDir) -> Vec<String> {
    let text = stdout(&nexus(folder.path(), &["services"]));
    let names = text.lines().skip(1).filter_map(|line| line.split_whitespace().next());
    names.filter(|name| *name != "backend-api").map(str::to_owned).collect()
}

fn set_up(gateway: &mut Running) -> String {
    let owner = json!({
        "token": gateway.setup_token(), "organisation": "Engines", "name": "Ada", "email": EMAIL, "password": PASSWORD,
    });
    let (status, reply) = gateway.request("POST", "/api/users/setup", None, Some(&owner));
    assert_eq!(status, 201, "{reply}");
    let credentials = json!({"email": EMAIL, "password": PASSWORD, "refresh_token": "body"});
    let (status, reply) = gateway.request("POST", "/api/auth/login", None, Some(&credentials));
    assert_eq!(status, 200, "{reply}");
    reply["access_token"].as_str().unwrap().to_owned()
}

#[tokio::test(flavor = "multi_thread")]
async fn every_service_is_a_process_of_its_own_and_one_of_two_may_be_killed_at_any_moment() {
    let installation = Installation::new().await;
    let others = others(&installation.folder);
    let mut names: Vec<_> = others.iter().map(String::as_str).collect();
    names.extend(["backend-api", "user-auth"]);
    let mut processes = installation.run(&names);
    let second = processes.pop().unwrap();
    let mut gateway = processes.pop().unwrap();
    let token = set_up(&mut gateway);
    everything_about_the_system_is_told(&gateway, &token, others.len() + 1).await;

    let discovery = installation.discovery().await;
    let instances = async |count| {
        let what = format!("{count} instances of user-auth");
        eventually(&what, async || (discovery.instances("user-auth").len() == count).then_some(())).await;
    };
    instances(2).await;
    let stop = Arc::new(AtomicBool::new(false));
    let answered = Arc::new(AtomicUsize::new(0));
    let (front, stopped, counter) = (gateway.door(), Arc::clone(&stop), Arc::clone(&answered));
    let load = tokio::task::spawn_blocking(move || {
        while !stopped.load(Ordering::Relaxed) {
            let (status, me) = front.request("GET", "/api/users/me", Some(&token), None);
            assert_eq!((status, &me["email"]), (200, &EMAIL.into()), "{me}");
            counter.fetch_add(1, Ordering::Relaxed);
        }
    });
    let twenty_more = async |what: &str| {
        let before = answered.load(Ordering::Relaxed);
        eventually(what, async || (answered.load(Ordering::Relaxed) > before + 20).then_some(())).await;
    };
    twenty_more("requests to be under way").await;
    second.kill();
    twenty_more("requests to go on").await;
    instances(1).await;
    twenty_more("requests to go on with one instance").await;
    stop.store(true, Ordering::Relaxed);
    load.await.unwrap();

    // Each says farewell, so that nobody is waited for.
    for process in processes {
        assert_eq!(process.stop().code, Some(0));
    }
    eventually("all to have left", async || {
        others.iter().all(|name| discovery.instances(name).is_empty()).then_some(())
    })
    .await;
    let (status, problem) = gateway.request("GET", "/api/content", None, None);
    assert_eq!((status, &problem["code"]), (503, &"unavailable".into()), "{problem}");
    assert_eq!(gateway.stop().code, Some(0));
}

async fn everything_about_the_system_is_told(gateway: &Running, token: &str, services: usize) {
    let up = async || {
        let (status, report) = gateway.request("GET", "/api/system/services", Some(token), None);
        assert_eq!(status, 200, "{report}");
        let up: Vec<_> = report["services"].as_array()?.iter().filter(|service| service["status"] == "up").collect();
        (up.len() == services).then_some(())
    };
    eventually("every service to be up", up).await;
    let (_, document) = gateway.request("GET", "/openapi.json", None, None);
    for path in ["/api/auth/login", "/api/users/me", "/api/content", "/api/system/services"] {
        assert!(document["paths"][path].is_object(), "{path} is documented");
    }
    assert_eq!(gateway.metric("session-mgr", "/health/ready"), 0, "each process tells its own figures");
    assert_eq!(gateway.request("GET", "/internal/stats", None, None).0, 404);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_service_says_whether_those_that_it_needs_are_there_and_is_ready_all_the_same() {
    let installation = Installation::new().await;
    let mut gateway = installation.run(&["backend-api"]).remove(0);
    let user_auth = installation.run(&["user-auth"]);
    let token = gateway.setup_token();
    assert!(!token.is_empty(), "the link is told once accounts can be made");
    let others = installation.run(&["key-service", "session-mgr", "token-mgr"]);
    let watched = free_port();
    let watch = ("NEXUS_TELEMETRY__LISTEN", watched.clone());
    let variables = [installation.variables(), vec![watch]].concat();
    let mut auth_service = Running::begin(installation.folder.path(), &["run", "auth-service"], &variables);
    auth_service.wait_for_start(READY);
    let token = {
        let owner = json!({
            "token": token, "organisation": "Engines", "name": "Ada", "email": EMAIL, "password": PASSWORD,
        });
        assert_eq!(gateway.request("POST", "/api/users/setup", None, Some(&owner)).0, 201);
        let credentials = json!({"email": EMAIL, "password": PASSWORD, "refresh_token": "body"});
        gateway.request("POST", "/api/auth/login", None, Some(&credentials)).1["access_token"]
            .as_str()
            .unwrap()
            .to_owned()
    };
    let check = |service: &str, needed: &str| -> Option<bool> {
        let (_, report) = gateway.request("GET", "/api/system/services", Some(&token), None);
        let found = |list: &Value, name: &str| list.as_array()?.iter().find(|entry| entry["name"] == name).cloned();
        found(&found(&report["services"], service)?["checks"], needed)?["ok"].as_bool()
    };
    eventually("auth-service to find user-auth", async || check("auth-service", "user-auth").filter(|ok| *ok)).await;
    drop(user_auth);
    eventually("auth-service to miss it", async || check("auth-service", "user-auth").filter(|ok| !ok)).await;
    let (status, told) = Door::at(&watched).request("GET", "/health/ready", None, None);
    let health = &told["auth-service"];
    assert_eq!((status, &health["status"]), (200, &"up".into()), "it stays in rotation: {told}");
    let missed: Vec<_> = health["checks"].as_array().unwrap().iter().filter(|check| check["ok"] == false).collect();
    assert_eq!((missed.len(), &missed[0]["name"], &missed[0]["required"]), (1, &"user-auth".into(), &false.into()));
    drop((others, auth_service));
}

#[tokio::test]
async fn one_folder_serves_processes_of_different_services_and_no_service_twice() {
    let installation = Installation::new().await;
    let folder = installation.folder.path();
    // On SQLite, where a service's state is a file.
    let variables: Vec<_> =
        installation.variables().into_iter().filter(|(name, _)| !name.starts_with("NEXUS_STORE")).collect();
    let run = |service: &str| {
        let mut running = Running::begin(folder, &["run", service], &variables);
        running.wait_for_start(READY);
        running
    };
    let (first, second) = (run("user-auth"), run("session-mgr"));
    let pairs: Vec<_> = variables.iter().map(|(name, value)| (*name, value.as_str())).collect();
    let twice = nexus_with(folder, &["run", "user-auth"], &pairs, "");
    assert!(
        twice.status.code() == Some(1) && stderr(&twice).contains("another nexus runs user-auth"),
        "{}",
        stderr(&twice)
    );
    let all = nexus(folder, &["up", "--listen", "127.0.0.1:0"]);
    assert!(all.status.code() == Some(1) && stderr(&all).contains("another nexus runs on"), "{}", stderr(&all));
    assert_eq!((first.stop().code, second.stop().code), (Some(0), Some(0)));

    let whole = Running::up(folder, &[]);
    let one = nexus_with(folder, &["run", "user-auth"], &pairs, "");
    assert!(one.status.code() == Some(1) && stderr(&one).contains("runs all services"), "{}", stderr(&one));
    assert_eq!(whole.stop().code, Some(0));
}

#[tokio::test(flavor = "multi_thread")]
async fn whoever_is_killed_is_out_of_everybodys_rotation_within_two_seconds() {
    let installation = Installation::new().await;
    let mut processes = VecDeque::from(installation.run(&[["session-mgr"; 4], ["token-mgr"; 4]].concat()));
    let watchers = join_all(std::iter::repeat_with(|| installation.discovery()).take(4)).await;
    let all_see = async |service: &str, count: usize| {
        let what = format!("{count} instances of {service} to be what everybody sees");
        let seen = || watchers.iter().all(|watcher| watcher.instances(service).len() == count);
        eventually(&what, async || seen().then_some(())).await;
    };
    for service in ["session-mgr", "token-mgr"] {
        all_see(service, 4).await;
    }
    for left in [3, 2, 1] {
        for (service, process) in [("session-mgr", processes.pop_front()), ("token-mgr", processes.pop_back())] {
            let killed = Instant::now();
            process.unwrap().kill();
            all_see(service, left).await;
            let took = killed.elapsed();
            assert!(took < Duration::from_secs(2), "{service} with {left} left: {took:?}");
        }
    }
}
