//! A running system: it starts, is used, stops, and starts again.

use std::os::unix::fs::PermissionsExt;
use std::time::Duration;

use serde_json::json;

use crate::program::{Running, nexus, nexus_with, stderr, stdout};

const EMAIL: &str = "ada@example.com";
const PASSWORD: &str = "correct horse battery";

fn set_up(running: &mut Running) {
    let owner = json!({
        "token": running.setup_token(), "organisation": "Engines", "name": "Ada", "email": EMAIL, "password": PASSWORD,
    });
    let (status, reply) = running.request("POST", "/api/users/setup", None, Some(&owner));
    assert_eq!(status, 201, "{reply}");
}

#[test]
fn a_system_starts_with_a_set_up_link_stops_when_asked_and_keeps_what_it_was_told() {
    let folder = tempfile::tempdir().unwrap();
    let mut running = Running::up(folder.path(), &[]);
    set_up(&mut running);
    assert_eq!(running.stop().code, Some(0));

    let running = Running::up(folder.path(), &[]);
    let credentials = json!({"email": EMAIL, "password": PASSWORD, "refresh_token": "body"});
    let (status, reply) = running.request("POST", "/api/auth/login", None, Some(&credentials));
    assert_eq!(status, 200, "{reply}");
    let (status, me) = running.request("GET", "/api/users/me", reply["access_token"].as_str(), None);
    assert_eq!((status, &me["email"], &me["roles"][0]), (200, &EMAIL.into(), &"owner".into()), "{me}");
    let stopped = running.stop();
    assert_eq!(stopped.code, Some(0));
    assert!(!stopped.said.contains("setup"), "the link works once: {}", stopped.said);
}

#[test]
fn the_data_folder_is_for_its_owner_alone_and_for_one_process_at_a_time() {
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join("state/of/nexus");
    let running = Running::up(folder.path(), &["--data", data.to_str().unwrap()]);
    assert_eq!(std::fs::metadata(&data).unwrap().permissions().mode() & 0o777, 0o700);
    for command in ["up", "migrate"] {
        let second = nexus(folder.path(), &[command, "--listen", "127.0.0.1:0", "--data", data.to_str().unwrap()]);
        assert_eq!(second.status.code(), Some(1), "{command}");
        assert!(stderr(&second).contains("another nexus runs on"), "{}", stderr(&second));
    }
    let address = running.address();
    let second =
        nexus(folder.path(), &["up", "--listen", &address, "--data", folder.path().join("other").to_str().unwrap()]);
    assert_eq!(second.status.code(), Some(1));
    assert!(stderr(&second).contains("--listen"), "{}", stderr(&second));
    assert_eq!(running.stop().code, Some(0));
}

#[test]
fn migrate_makes_every_schema_and_a_start_finds_them() {
    let folder = tempfile::tempdir().unwrap();
    for _ in 0..2 {
        let output = nexus(folder.path(), &["migrate"]);
        assert!(output.status.success(), "{}", stderr(&output));
        assert_eq!(stdout(&output), "11 services are up to date\n");
    }
    assert!(folder.path().join("data/state/session-mgr.sqlite").is_file());
    assert_eq!(Running::up(folder.path(), &[]).stop().code, Some(0));
}

#[test]
fn token_prints_a_token_that_the_system_takes_and_says_why_when_it_does_not() {
    let folder = tempfile::tempdir().unwrap();
    let mut running = Running::up(folder.path(), &[]);
    set_up(&mut running);
    let url = format!("http://{}", running.address());
    let token = |email: &str, variable: Option<&str>, input: &str| {
        let variables: Vec<_> = variable.map(|password| ("NEXUS_PASSWORD", password)).into_iter().collect();
        nexus_with(folder.path(), &["token", "--url", &url, "--email", email], &variables, input)
    };
    for output in [token(EMAIL, Some(PASSWORD), ""), token(EMAIL, None, &format!("{PASSWORD}\n"))] {
        assert!(output.status.success(), "{}", stderr(&output));
        let (status, _) = running.request("GET", "/api/users/me", Some(stdout(&output).trim()), None);
        assert_eq!(status, 200);
    }
    let wrong = token(EMAIL, Some("not the password"), "");
    assert_eq!((wrong.status.code(), stdout(&wrong).as_str()), (Some(1), ""));
    assert!(stderr(&wrong).contains("invalid-credentials"), "{}", stderr(&wrong));
    let none = token(EMAIL, None, "");
    assert!(none.status.code() == Some(1) && stderr(&none).contains("NEXUS_PASSWORD"), "{}", stderr(&none));
    assert_eq!(running.stop().code, Some(0));
    let gone = token(EMAIL, Some(PASSWORD), "");
    assert!(gone.status.code() == Some(1) && stderr(&gone).contains("nexus up"), "{}", stderr(&gone));
}

#[test]
fn exactly_the_named_services_run() {
    let folder = tempfile::tempdir().unwrap();
    let running = Running::start(folder.path(), &["run", "backend-api", "user-auth", "token-mgr"]);
    assert_eq!(running.request("GET", "/api/users/setup", None, None), (200, json!({"needed": true})));
    let (status, problem) = running.request("GET", "/api/content", None, None);
    assert_eq!((status, &problem["code"]), (503, &"unavailable".into()), "{problem}");
    assert_eq!(running.stop().code, Some(0));
}

#[test]
fn without_the_gateway_nothing_is_run() {
    let folder = tempfile::tempdir().unwrap();
    let output = nexus(folder.path(), &["run", "user-auth"]);
    assert_eq!(output.status.code(), Some(1));
    assert!(stderr(&output).contains("add backend-api"), "{}", stderr(&output));
}

#[test]
fn the_demo_has_an_owner_and_media_in_every_state_and_is_made_only_once() {
    let folder = tempfile::tempdir().unwrap();
    let mut running = Running::up(folder.path(), &["--demo"]);
    let line = running.wait_for("Demo: sign in as", Duration::from_secs(30));
    let (email, rest) = line.split_once("as ").unwrap().1.split_once(" with the password ").unwrap();
    let password = rest.split(' ').next().unwrap().to_owned();
    let end = running.wait_for("The demo", Duration::from_mins(8));
    assert!(end.contains("is complete: 3 clips"), "{end}");
    let credentials = json!({"email": email, "password": password, "refresh_token": "body"});
    let (status, reply) = running.request("POST", "/api/auth/login", None, Some(&credentials));
    assert_eq!(status, 200, "{reply}");
    let (_, list) = running.request("GET", "/api/content", reply["access_token"].as_str(), None);
    let mut clips: Vec<_> = list["items"]
        .as_array()
        .unwrap()
        .iter()
        .map(|item| {
            let text = |value: &serde_json::Value| value.as_str().unwrap_or_default().to_owned();
            (text(&item["visibility"]), text(&item["status"]), text(&item["media"]["state"]))
        })
        .collect();
    clips.sort();
    let state = |visibility: &str, status: &str| (visibility.to_owned(), status.to_owned(), "ready".to_owned());
    assert_eq!(clips, [state("members", "published"), state("private", "draft"), state("public", "published")]);
    let (_, seen) = running.request("GET", "/api/content", None, None);
    assert_eq!(seen["items"].as_array().unwrap().len(), 1, "{seen}");
    assert_eq!(running.stop().code, Some(0));

    let mut running = Running::up(folder.path(), &["--demo"]);
    let line = running.wait_for("The demo", Duration::from_secs(30));
    assert!(line.contains("was not made"), "{line}");
    assert_eq!(running.stop().code, Some(0));
}
