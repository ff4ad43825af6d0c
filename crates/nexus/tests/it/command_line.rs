//! Exit codes and messages.

use crate::program::{nexus, stderr, stdout};

#[test]
fn an_unknown_setting_names_the_nearest_and_fails() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("nexus.toml"), "[gateway]\nbody_limt = 1\n").unwrap();
    let output = nexus(folder.path(), &["config"]);
    assert_eq!(output.status.code(), Some(1));
    assert!(stderr(&output).contains("did you mean `gateway.body_limit`?"), "{}", stderr(&output));
}

#[test]
fn config_shows_origins_and_masks_secrets() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("nexus.toml"), "[mail]\nsmtp = \"smtp://user:hunter2@mail.example\"\n").unwrap();
    let output = nexus(folder.path(), &["config", "--listen", "127.0.0.1:4000"]);
    let text = stdout(&output);
    assert!(output.status.success(), "{}", stderr(&output));
    assert!(!text.contains("hunter2"), "{text}");
    let line = |key: &str| text.lines().find(|line| line.starts_with(key)).unwrap_or_default().to_owned();
    assert!(line("mail.smtp").ends_with("nexus.toml"), "{text}");
    assert!(line("listen").contains("127.0.0.1:4000") && line("listen").ends_with("# flag"), "{text}");
    assert!(line("gateway.burst").ends_with("# default"), "{text}");
}

#[test]
fn a_service_that_this_build_does_not_have_is_named() {
    let folder = tempfile::tempdir().unwrap();
    let output = nexus(folder.path(), &["run", "billing-service"]);
    assert_eq!(output.status.code(), Some(1));
    assert!(stderr(&output).contains("billing-service"), "{}", stderr(&output));
}

#[test]
fn doctor_says_how_to_mend_a_missing_program() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(
        folder.path().join("nexus.toml"),
        "listen = \"127.0.0.1:0\"\n[media]\nffmpeg = \"no-such-program\"\n",
    )
    .unwrap();
    let output = nexus(folder.path(), &["doctor"]);
    assert_eq!(output.status.code(), Some(1));
    let text = stdout(&output);
    assert!(
        text.lines().any(|line| line.starts_with("FAIL ffmpeg") && line.contains("apt-get install ffmpeg")),
        "{text}"
    );
    assert!(text.lines().any(|line| line.starts_with("ok   database")), "{text}");
}

#[test]
fn completions_are_printed_for_bash() {
    let folder = tempfile::tempdir().unwrap();
    assert!(stdout(&nexus(folder.path(), &["completions", "bash"])).contains("_nexus()"));
}

#[test]
fn a_list_of_breached_passwords_becomes_a_file() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("list.txt"), "5BAA61E4C9B93F3F0682250B6CF8331B7EE68FD8:9\nnonsense\n").unwrap();
    let make = |list: &str| nexus(folder.path(), &["breached-passwords", "--from", list, "--to", "breached"]);
    let output = make("list.txt");
    assert!(output.status.success(), "{}", stderr(&output));
    assert!(stdout(&output).contains("knows 1 passwords; 1 lines were left out"), "{}", stdout(&output));
    assert!(std::fs::metadata(folder.path().join("breached")).unwrap().len() > 20);
    let output = make("absent.txt");
    assert_eq!(output.status.code(), Some(1));
    assert!(stderr(&output).contains("absent.txt"), "{}", stderr(&output));
}
