//! How a program is run: with which arguments and variables, as whom, and in which network.

use std::ffi::OsString;
use std::fs::OpenOptions;
use std::path::{Path, PathBuf};
use std::process::{Output, Stdio};

use tokio::process::{Child, Command};

/// The user as whom root runs PostgreSQL, which refuses to run as root.
pub const POSTGRES_USER: &str = "postgres";

/// A program to run, once or again and again.
#[derive(Debug, Clone)]
pub struct Program {
    words: Vec<OsString>,
    variables: Vec<(OsString, OsString)>,
    namespace: Option<String>,
    user: Option<&'static str>,
}

impl Program {
    /// The program at this path, or of this name.
    pub fn new(path: impl Into<OsString>) -> Self {
        Self { words: vec![path.into()], variables: Vec::new(), namespace: None, user: None }
    }

    /// Adds arguments.
    #[must_use]
    pub fn args<W: Into<OsString>>(mut self, words: impl IntoIterator<Item = W>) -> Self {
        self.words.extend(words.into_iter().map(Into::into));
        self
    }

    /// Adds a variable.
    #[must_use]
    pub fn variable(mut self, name: impl Into<OsString>, value: impl Into<OsString>) -> Self {
        self.variables.push((name.into(), value.into()));
        self
    }

    /// Runs it in this network namespace.
    #[must_use]
    pub fn within(mut self, namespace: Option<&str>) -> Self {
        self.namespace = namespace.map(str::to_owned);
        self
    }

    /// Runs it as PostgreSQL's user, where we are root.
    #[must_use]
    pub fn as_postgres(mut self) -> Self {
        self.user = is_root().then_some(POSTGRES_USER);
        self
    }

    fn command(&self) -> Command {
        let mut words: Vec<OsString> = Vec::new();
        if let Some(namespace) = &self.namespace {
            words.extend(["ip", "netns", "exec", namespace].map(OsString::from));
        }
        if let Some(user) = self.user {
            words.extend(["setpriv", "--reuid", user, "--regid", user, "--clear-groups"].map(OsString::from));
        }
        // Last, so that whatever is run around it does not see them: a preloaded library is for the program alone.
        words.push("env".into());
        words.extend(self.variables.iter().map(|(name, value)| {
            let mut pair = name.clone();
            pair.push("=");
            pair.push(value);
            pair
        }));
        words.extend(self.words.iter().cloned());
        let mut command = Command::new(&words[0]);
        // Servers and ip are where only root's search path leads.
        let path = std::env::var("PATH").unwrap_or_default();
        command.args(&words[1..]).env("PATH", format!("{path}:/usr/local/sbin:/usr/sbin:/sbin")).current_dir("/");
        // Settings of whoever runs the suite are not the system's.
        for (name, _) in std::env::vars_os().filter(|(name, _)| name.to_string_lossy().starts_with("NEXUS_")) {
            command.env_remove(name);
        }
        command.stdin(Stdio::null()).kill_on_drop(true);
        command
    }

    /// Starts it; what it says goes to the end of a file.
    pub fn spawn(&self, log: &Path) -> Child {
        let file = OpenOptions::new().create(true).append(true).open(log).expect("the suite's folder can be written");
        let again = file.try_clone().expect("a file can be opened twice");
        let started = self.command().stdout(file).stderr(again).spawn();
        started.unwrap_or_else(|error| panic!("{:?} starts: {error}", self.words))
    }

    /// Runs it to its end.
    pub async fn output(&self) -> Output {
        let ended = self.command().output().await;
        ended.unwrap_or_else(|error| panic!("{:?} starts: {error}", self.words))
    }

    /// Runs it to its end, which must be a good one; what it printed.
    pub async fn run(&self) -> String {
        let output = self.output().await;
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{:?}: {} {said}", self.words, output.status);
        String::from_utf8_lossy(&output.stdout).into_owned()
    }
}

/// Whether we may do what only root may. Where that is not so, what needs it says that it was skipped.
pub fn is_root() -> bool {
    use std::os::unix::fs::MetadataExt;
    std::fs::metadata("/proc/self").is_ok_and(|this| this.uid() == 0)
}

/// Sends a signal, as `KILL`. A process that has just ended by itself is no error.
pub fn signal(pid: u32, name: &str) {
    let sent = std::process::Command::new("kill").args(["-s", name, &pid.to_string()]).stderr(Stdio::null()).status();
    sent.expect("kill is there");
}

/// PostgreSQL's programs, which Debian keeps beside no search path.
pub fn postgres(name: &str) -> PathBuf {
    let versions = std::fs::read_dir("/usr/lib/postgresql").into_iter().flatten().flatten();
    let mut found: Vec<PathBuf> = versions.map(|entry| entry.path().join("bin").join(name)).collect();
    found.retain(|path| path.exists());
    found.sort();
    found.pop().unwrap_or_else(|| PathBuf::from(name))
}
