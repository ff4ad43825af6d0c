//! Starts processes and waits for their ends.

use std::ffi::OsString;
use std::net::TcpListener;
use std::path::PathBuf;
use std::process::Stdio;
use std::time::Duration;

use nix::unistd::Pid;
use tokio::process::{Child, Command};
use tokio::sync::mpsc;
use tokio_util::task::TaskTracker;

use super::fleet::{Place, ProcessId};
use super::logs::Log;
use super::{Input, handover, leftovers};
use crate::compose::GATEWAY;

/// How long what a process said is waited for after its end; something that it had started may still hold the pipe.
const LAST_WORDS: Duration = Duration::from_millis(500);

/// How each process is started.
#[derive(Debug)]
pub(crate) struct Launcher {
    /// The program. A reload starts what is there then: so an upgrade is a new file and a reload.
    pub(crate) program: PathBuf,
    /// What follows `run <service>`.
    pub(crate) arguments: Vec<OsString>,
    /// What is set for each of them.
    pub(crate) variables: Vec<(&'static str, OsString)>,
    /// The folder in which processes sign in.
    pub(crate) run: PathBuf,
    /// The gateway's ports.
    pub(crate) listeners: Vec<TcpListener>,
}

impl Launcher {
    /// Starts the process of a place. Its end is told to `inputs`.
    pub(super) fn start(
        &self,
        place: &Place,
        process: ProcessId,
        log: Log,
        inputs: mpsc::Sender<Input>,
        tasks: &TaskTracker,
    ) -> std::io::Result<u32> {
        let mut command = Command::new(&self.program);
        command.arg("run").arg(&place.service).args(&self.arguments).envs(self.variables.iter().map(|(k, v)| (k, v)));
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        // Ctrl-C on a terminal is for the supervisor, which ends its processes in their order. And whatever a process starts
        // belongs to its group, and can be ended with it.
        command.process_group(0);
        // We are not systemd's only process, but the only one that speaks to it.
        command.env_remove("NOTIFY_SOCKET").env_remove("WATCHDOG_USEC").env_remove("WATCHDOG_PID");
        if place.service == GATEWAY {
            handover::give(&mut command, &self.listeners)?;
        }
        let child = command.spawn()?;
        let pid = child.id().ok_or_else(|| std::io::Error::other("it ended at once"))?;
        let run = self.run.clone();
        tasks.spawn(async move {
            let how = follow(child, pid, log).await;
            leftovers::sign_out(&run, pid);
            // An error means that the supervisor has ended as well.
            let _ = inputs.send(Input::Ended { process, how }).await;
        });
        Ok(pid)
    }
}

/// Keeps what a process says, until its end; how it ended.
async fn follow(mut child: Child, pid: u32, log: Log) -> String {
    let said = child.stdout.take().map(|output| tokio::spawn(log.clone().keep(output)));
    let complained = child.stderr.take().map(|output| tokio::spawn(log.clone().keep(output)));
    let ended = child.wait().await;
    if let Ok(pid) = i32::try_from(pid) {
        leftovers::sweep(Pid::from_raw(pid));
    }
    let last_words = async {
        for output in said.into_iter().chain(complained) {
            // A panic in it would only cost lines.
            let _ = output.await;
        }
    };
    let _ = tokio::time::timeout(LAST_WORDS, last_words).await;
    ended.map_or_else(|error| error.to_string(), |status| status.to_string())
}
