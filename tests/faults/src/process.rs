//! A process of the system, started again whenever it ends: what a supervisor or an orchestrator does.

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use tokio::task::JoinHandle;
use tokio::time::sleep;

use crate::program::{Program, signal};

/// How long after its end it is started again.
const PAUSE: Duration = Duration::from_millis(100);

/// A process that is kept running.
#[derive(Debug)]
pub struct Process {
    /// What it is called in reports, and where it lives when the system has a network of its own.
    pub name: String,
    pid: Arc<AtomicU32>,
    keeper: JoinHandle<()>,
}

impl Process {
    /// Starts it and keeps it running.
    pub fn keep(name: &str, program: Program, log: PathBuf) -> Self {
        let pid = Arc::new(AtomicU32::new(0));
        let keeper = tokio::spawn(keep(program, log, Arc::clone(&pid)));
        Self { name: name.to_owned(), pid, keeper }
    }

    /// Sends it a signal; whether it ran.
    pub fn signal(&self, name: &str) -> bool {
        let pid = self.pid.load(Ordering::SeqCst);
        if pid != 0 {
            signal(pid, name);
        }
        pid != 0
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        // The child is the keeper's, and is killed with it; one that was stopped needs that as much.
        self.keeper.abort();
    }
}

async fn keep(program: Program, log: PathBuf, pid: Arc<AtomicU32>) {
    loop {
        let mut child = program.spawn(&log);
        pid.store(child.id().unwrap_or(0), Ordering::SeqCst);
        child.wait().await.expect("it is our child");
        pid.store(0, Ordering::SeqCst);
        sleep(PAUSE).await;
    }
}
