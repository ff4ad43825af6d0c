//! `nexus up --isolate`: each service in a process of its own, and somebody who looks after them.

use std::path::Path;
use std::process::Command;
use std::time::Duration;

use nexus_testkit::{Database, eventually, eventually_within};
use serde_json::{Value, json};

use crate::load::Load;
use crate::program::{Door, Following, Running, free_port, nexus, stderr, stdout};
use crate::secured::Certificate;

const EMAIL: &str = "ada@example.com";
const PASSWORD: &str = "correct horse battery";
/// The load of one client is more than one client may send.
const NO_RATE_LIMITS: &str =
    "[gateway]\nrequests_per_second = 1000000\nburst = 1000000\nsign_in_per_minute = 1000000\n";
/// As many as the gateway lets in however slow a service has become: none of them may be sent away.
const LET_IN: u64 = 8;
/// Enough that some of them are always between two requests.
const CLIENTS: u64 = 32;

fn isolated(folder: &Path, configuration: &str) -> Running {
    std::fs::write(folder.join("nexus.toml"), configuration).unwrap();
    Running::up(folder, &["--isolate"])
}

fn set_up(running: &mut Running) -> String {
    let owner = json!({
        "token": running.setup_token(), "organisation": "Engines", "name": "Ada", "email": EMAIL, "password": PASSWORD,
    });
    let (status, reply) = running.request("POST", "/api/users/setup", None, Some(&owner));
    assert_eq!(status, 201, "{reply}");
    sign_in(running)
}

fn sign_in(running: &Running) -> String {
    let credentials = json!({"email": EMAIL, "password": PASSWORD, "refresh_token": "body"});
    let (status, reply) = running.request("POST", "/api/auth/login", None, Some(&credentials));
    assert_eq!(status, 200, "{reply}");
    reply["access_token"].as_str().unwrap().to_owned()
}

/// What `nexus ps` says of every process.
fn ps(folder: &Path) -> Vec<Value> {
    let output = nexus(folder, &["ps", "--json"]);
    assert!(output.status.success(), "{}", stderr(&output));
    serde_json::from_str(&stdout(&output)).unwrap()
}

fn of_service(folder: &Path, service: &str) -> Vec<Value> {
    ps(folder).into_iter().filter(|process| process["service"] == service).collect()
}

fn pids(processes: &[Value]) -> Vec<u64> {
    processes.iter().filter_map(|process| process["pid"].as_u64()).collect()
}

/// The only process of a service, once it serves and is another than this one.
async fn ready(folder: &Path, service: &str, former: u64) -> Value {
    eventually(&format!("{service} to serve again"), async || {
        let process = of_service(folder, service).pop()?;
        (process["state"] == "ready" && process["pid"] != former).then_some(process)
    })
    .await
}

fn signal(name: &str, pid: u64) {
    let sent = Command::new("kill").args([&format!("-{name}"), &pid.to_string()]).status().unwrap();
    assert!(sent.success(), "process {pid} still ran");
}

fn runs(pid: u64) -> bool {
    // A process that has ended and that nobody has asked about is none.
    std::fs::read_to_string(format!("/proc/{pid}/stat")).is_ok_and(|stat| !stat.contains(") Z "))
}

#[tokio::test(flavor = "multi_thread")]
async fn each_service_is_a_process_and_what_happens_in_one_takes_effect_in_another() {
    let folder = tempfile::tempdir().unwrap();
    let mut running = isolated(folder.path(), "");
    let services = stdout(&nexus(folder.path(), &["services"])).lines().count() - 1;
    let processes = ps(folder.path());
    assert_eq!(processes.len(), services);
    assert!(processes.iter().all(|process| process["state"] == "ready"), "{processes:?}");
    let token = set_up(&mut running);
    let item = json!({"title": "A film"});
    let (status, reply) = running.request("POST", "/api/content", Some(&token), Some(&item));
    assert_eq!(status, 201, "{reply}");

    // The session ends in session-mgr, and the gateway refuses the token, which is good by itself for minutes.
    assert_eq!(running.request("GET", "/api/users/me", Some(&token), None).0, 200);
    let (status, reply) = running.request("POST", "/api/auth/logout", Some(&token), None);
    assert!((200..300).contains(&status), "{reply}");
    eventually("the token to be refused", async || {
        (running.request("GET", "/api/content", Some(&token), None).0 == 401).then_some(())
    })
    .await;

    let table = stdout(&nexus(folder.path(), &["ps"]));
    assert!(table.starts_with("SERVICE") && !table.contains('\u{1b}'), "{table}");
    eventually("memory and requests to be told", async || {
        let gateway = of_service(folder.path(), "backend-api").pop()?;
        let told = gateway["memory_bytes"].as_u64()? > 1 << 20 && gateway["requests_per_second"].as_f64()? > 0.0;
        told.then_some(())
    })
    .await;
    assert_eq!(running.stop().code, Some(0));
    assert!(pids(&processes).into_iter().all(|pid| !runs(pid)));
}

#[tokio::test(flavor = "multi_thread")]
async fn any_process_may_be_killed_and_is_there_again_at_once() {
    let folder = tempfile::tempdir().unwrap();
    let mut running = isolated(folder.path(), NO_RATE_LIMITS);
    set_up(&mut running);
    for process in ps(folder.path()) {
        let (service, pid) = (process["service"].as_str().unwrap(), process["pid"].as_u64().unwrap());
        signal("KILL", pid);
        let process = ready(folder.path(), service, pid).await;
        assert_eq!(process["restarts"], 1, "{process}");
        assert_eq!(process["last_end"], "signal: 9 (SIGKILL)", "{process}");
        eventually(&format!("somebody to sign in after the death of {service}"), async || {
            let credentials = json!({"email": EMAIL, "password": PASSWORD, "refresh_token": "body"});
            let (status, _) = running.request("POST", "/api/auth/login", None, Some(&credentials));
            (status == 200).then_some(())
        })
        .await;
    }
    assert_eq!(running.stop().code, Some(0));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_reload_under_load_replaces_every_process_and_fails_no_request() {
    let folder = tempfile::tempdir().unwrap();
    let mut running = isolated(folder.path(), NO_RATE_LIMITS);
    let token = set_up(&mut running);
    let load = Load::start(&running.address(), "/api/users/me", Some(&token), 200, LET_IN);
    load.goes_on("requests before the reload").await;
    for _ in 0..3 {
        let before = pids(&ps(folder.path()));
        let output = nexus(folder.path(), &["reload"]);
        assert!(output.status.success(), "{}", stderr(&output));
        assert!(stdout(&output).contains("backend-api.1 renewed"), "{}", stdout(&output));
        load.goes_on("requests after the reload").await;
        eventually("the old processes to have ended", async || before.iter().all(|pid| !runs(*pid)).then_some(()))
            .await;
        let after = ps(folder.path());
        assert!(after.iter().all(|process| process["state"] == "ready" && process["restarts"] == 0), "{after:?}");
    }
    assert_eq!(load.end(), Vec::<String>::new());
    assert_eq!(running.stop().code, Some(0));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_reload_drops_nobody_who_is_sent_from_plain_http_to_https() {
    let folder = tempfile::tempdir().unwrap();
    let certificate = Certificate::issue(folder.path(), "gateway");
    let plain = free_port();
    let settings = |address: &str| format!("{}redirect_from = \"{address}\"\n", certificate.settings());
    let running = isolated(folder.path(), &settings(&plain));
    let load = Load::start(&plain, "/media", None, 308, CLIENTS);
    load.goes_on("requests before the reload").await;
    for _ in 0..3 {
        let gateway = pids(&of_service(folder.path(), "backend-api"));
        let output = nexus(folder.path(), &["reload", "backend-api"]);
        assert!(output.status.success(), "{}", stderr(&output));
        load.goes_on("requests after the reload").await;
        eventually("the old gateway to have ended", async || (!runs(gateway[0])).then_some(())).await;
    }
    assert_eq!(load.end(), Vec::<String>::new());

    std::fs::write(folder.path().join("nexus.toml"), settings("127.0.0.1:0")).unwrap();
    let moved = nexus(folder.path(), &["reload"]);
    assert!(stderr(&moved).contains("redirect_from changes with a restart"), "{}", stderr(&moved));
    assert_eq!(running.stop().code, Some(0));
}

#[tokio::test(flavor = "multi_thread")]
async fn whoever_watches_hears_of_every_process_at_one_port() {
    let folder = tempfile::tempdir().unwrap();
    let watched = free_port();
    let running = isolated(folder.path(), &format!("[telemetry]\nlisten = \"{watched}\"\n"));
    let probe = nexus(folder.path(), &["probe"]);
    assert!(probe.status.success(), "{}", stderr(&probe));
    let door = Door::at(&watched);
    let processes = ps(folder.path());
    let (status, health) = door.request("GET", "/health/ready", None, None);
    assert_eq!((status, health.as_object().unwrap().len()), (200, processes.len()), "{health}");
    let mut told = door.processes("http_requests_total");
    told.dedup();
    assert_eq!(told.len(), processes.len(), "each process tells its own figures: {told:?}");

    let frozen = pids(&of_service(folder.path(), "streamcore"))[0];
    signal("STOP", frozen);
    assert_eq!(door.request("GET", "/health/ready", None, None).0, 503);
    assert_eq!(nexus(folder.path(), &["probe"]).status.code(), Some(1));
    signal("CONT", frozen);
    assert_eq!(running.metric("session-mgr", "/health/ready"), 0, "the gateway tells of its own process alone");
    assert_eq!(running.stop().code, Some(0));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_reload_with_a_configuration_that_is_wrong_changes_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let running = isolated(folder.path(), "");
    let before = pids(&ps(folder.path()));
    std::fs::write(folder.path().join("nexus.toml"), "[gateway]\nbody_limt = 1\n").unwrap();
    // The command reads the same file, and says so itself; the supervisor is asked by one that does not.
    std::fs::write(folder.path().join("other.toml"), "").unwrap();
    let output = nexus(folder.path(), &["reload", "--config", "other.toml"]);
    assert_eq!(output.status.code(), Some(1));
    let said = stderr(&output);
    assert!(said.contains("nothing was reloaded") && said.contains("did you mean `gateway.body_limit`?"), "{said}");
    std::fs::write(folder.path().join("nexus.toml"), "").unwrap();
    assert_eq!(pids(&ps(folder.path())), before);
    assert_eq!(running.stop().code, Some(0));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_service_that_can_not_start_is_a_crash_loop_with_its_last_words_until_it_is_mended() {
    let folder = tempfile::tempdir().unwrap();
    let running = isolated(folder.path(), "");
    let state = folder.path().join("data/state");
    let process = of_service(folder.path(), "user-auth").pop().unwrap();
    let file = state.join("user-auth.sqlite");
    for kept in std::fs::read_dir(&state).unwrap().flatten() {
        let name = kept.file_name().into_string().unwrap();
        if name.starts_with("user-auth.sqlite") {
            std::fs::rename(kept.path(), folder.path().join(name)).unwrap();
        }
    }
    std::fs::create_dir(&file).unwrap();
    signal("KILL", process["pid"].as_u64().unwrap());
    let process = eventually("the crash loop", async || {
        of_service(folder.path(), "user-auth").pop().filter(|process| process["state"] == "crash-loop")
    })
    .await;
    let words = process["last_lines"].to_string();
    assert!(words.contains("user-auth.sqlite can't be opened"), "{process}");
    assert!(
        process["next_try_seconds"].as_u64().unwrap() > 10 && process["restarts"].as_u64().unwrap() >= 5,
        "{process}"
    );
    let table = stdout(&nexus(folder.path(), &["ps"]));
    assert!(table.contains("user-auth.1 dies again and again (exit status: 1)"), "{table}");
    let restarted = nexus(folder.path(), &["restart", "user-auth"]);
    assert_eq!(restarted.status.code(), Some(1), "{}", stdout(&restarted));
    assert!(stderr(&restarted).contains("can't be opened"), "{}", stderr(&restarted));

    std::fs::remove_dir(&file).unwrap();
    for kept in std::fs::read_dir(folder.path()).unwrap().flatten() {
        let name = kept.file_name().into_string().unwrap();
        if name.starts_with("user-auth.sqlite") {
            std::fs::rename(kept.path(), state.join(name)).unwrap();
        }
    }
    let restarted = nexus(folder.path(), &["restart", "user-auth"]);
    assert!(restarted.status.success(), "{}", stderr(&restarted));
    assert_eq!(of_service(folder.path(), "user-auth").pop().unwrap()["state"], "ready");
    assert_eq!(running.stop().code, Some(0));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_supervisor_that_is_killed_leaves_nobody_behind_and_another_takes_its_place() {
    let folder = tempfile::tempdir().unwrap();
    let mut running = isolated(folder.path(), NO_RATE_LIMITS);
    set_up(&mut running);
    let left = pids(&ps(folder.path()));
    // One of them does not notice: it stands still.
    let frozen = of_service(folder.path(), "streamcore").pop().unwrap()["pid"].as_u64().unwrap();
    signal("STOP", frozen);
    running.kill();
    eventually("the others to end by themselves", async || {
        left.iter().all(|pid| *pid == frozen || !runs(*pid)).then_some(())
    })
    .await;
    let refused = nexus(folder.path(), &["ps"]);
    assert!(stderr(&refused).contains("no supervisor runs on the data folder"), "{}", stderr(&refused));

    let mut next = Running::begin(folder.path(), &["up", "--isolate"], &[]);
    let state = folder.path().join("data/run/processes").join(frozen.to_string());
    assert!(state.exists(), "the one that is left is known");
    signal("CONT", frozen);
    next.wait_for_start("Nexus COS is running at ");
    assert!(!runs(frozen), "nothing was started beside it");
    sign_in(&next);
    assert_eq!(next.stop().code, Some(0));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_second_supervisor_and_a_system_in_one_process_are_kept_off_the_folder() {
    let folder = tempfile::tempdir().unwrap();
    let running = isolated(folder.path(), "");
    for arguments in [["up", "--isolate", "--listen=127.0.0.1:0"].as_slice(), &["up", "--listen=127.0.0.1:0"]] {
        let output = nexus(folder.path(), arguments);
        assert_eq!(output.status.code(), Some(1), "{arguments:?}");
        assert!(stderr(&output).contains("--data"), "{}", stderr(&output));
    }
    assert_eq!(running.stop().code, Some(0));
}

#[tokio::test(flavor = "multi_thread")]
async fn what_processes_say_is_kept_and_followed() {
    let folder = tempfile::tempdir().unwrap();
    let running = isolated(folder.path(), "");
    let text = stdout(&nexus(folder.path(), &["logs", "-n", "1000"]));
    assert!(text.lines().all(|line| line.contains(".1") && line.contains(" | ")), "{text}");
    assert!(text.contains("Nexus COS is running at") && !text.contains('\u{1b}'), "{text}");
    let mut following = Following::start(folder.path(), &["logs", "-f", "session-mgr"]);
    let pid = of_service(folder.path(), "session-mgr").pop().unwrap()["pid"].as_u64().unwrap();
    signal("KILL", pid);
    let line = following.wait_for("ended");
    assert!(line.starts_with("session-mgr.1 "), "{line}");
    assert!(line.ends_with(&format!("[supervisor] process {pid} ended: signal: 9 (SIGKILL)")), "{line}");
    following.wait_for("begins");
    assert_eq!(running.stop().code, Some(0));
    let text = stdout(&nexus(folder.path(), &["logs", "session-mgr"]));
    assert!(text.trim_end().ends_with("ended: exit status: 0"), "logs can be read afterwards: {text}");
}

#[test]
fn several_instances_on_sqlite_are_refused_with_the_way_out() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("nexus.toml"), "[scale.streamcore]\ninstances = 2\n").unwrap();
    let output = nexus(folder.path(), &["up", "--isolate", "--listen", "127.0.0.1:0"]);
    assert_eq!(output.status.code(), Some(1));
    let said = stderr(&output);
    assert!(said.contains("scale.streamcore: ") && said.contains("set store.postgres"), "{said}");
}

#[tokio::test(flavor = "multi_thread")]
async fn on_postgresql_a_service_has_as_many_instances_as_it_is_given_and_one_may_be_killed_under_load() {
    let database = Database::create().await;
    let folder = tempfile::tempdir().unwrap();
    // Apart from the other tests' limits and counters.
    let redis = std::env::var("NEXUS_TEST_REDIS").unwrap_or_else(|_| "redis://127.0.0.1:6379".to_owned());
    let configuration = format!(
        "{NO_RATE_LIMITS}[store]\npostgres = \"{}\"\npool = 2\n[cache]\nredis = \"{redis}/10\"\n\
         [scale.user-auth]\ninstances = 2\n[scale.backend-api]\ninstances = 2\n",
        database.url
    );
    let mut running = isolated(folder.path(), &configuration);
    let token = set_up(&mut running);
    let serving = async |service: &str, number: usize| {
        let what = format!("{number} instances of {service}");
        eventually_within(Duration::from_mins(1), &what, async || {
            let processes = of_service(folder.path(), service);
            let ready = processes.len() == number && processes.iter().all(|process| process["state"] == "ready");
            ready.then_some(processes)
        })
        .await
    };
    let processes = serving("user-auth", 2).await;
    serving("backend-api", 2).await;
    let load = Load::start(&running.address(), "/api/users/me", Some(&token), 200, LET_IN);
    load.goes_on("requests").await;
    signal("KILL", pids(&processes)[0]);
    load.goes_on("requests after a death").await;
    for number in [3, 1] {
        let output = nexus(folder.path(), &["scale", "user-auth", &number.to_string()]);
        assert!(output.status.success(), "{}", stderr(&output));
        serving("user-auth", number).await;
        load.goes_on("requests with another number of instances").await;
    }
    assert_eq!(load.end(), Vec::<String>::new());
    assert_eq!(running.stop().code, Some(0));
}
