//! The process that is killed.

use std::path::PathBuf;
use std::process::Stdio;

use tokio::io::{AsyncBufReadExt, BufReader, Lines};
use tokio::process::{Child, ChildStdout, Command};

/// What the process works on.
pub(crate) struct Target {
    pub(crate) data: PathBuf,
    pub(crate) postgres: String,
    pub(crate) nats: String,
}

pub(crate) struct Victim {
    child: Child,
    lines: Lines<BufReader<ChildStdout>>,
}

impl Victim {
    pub(crate) fn start(target: &Target, arguments: &[&str]) -> Self {
        let mut child = Command::new(env!("CARGO_BIN_EXE_nexus-faults"))
            .args(arguments)
            .env("FAULTS_DATA", &target.data)
            .env("FAULTS_POSTGRES", &target.postgres)
            .env("FAULTS_NATS", &target.nats)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
            .expect("the victim starts");
        let stdout = child.stdout.take().expect("its output is piped");
        Self { child, lines: BufReader::new(stdout).lines() }
    }

    /// Its next line; `None` when it has ended.
    pub(crate) async fn line(&mut self) -> Option<String> {
        self.lines.next_line().await.expect("its output is text")
    }

    /// SIGKILL. What it wrote until then can still be read.
    pub(crate) fn kill(&mut self) {
        self.child.start_kill().expect("it ran until now");
    }

    /// Waits for its end; whether it ended well.
    pub(crate) async fn ended(&mut self) -> bool {
        self.child.wait().await.expect("it is our child").success()
    }
}
