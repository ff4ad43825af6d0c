//! `nexus up --isolate`: a process for each service, and somebody who looks after them.
//!
//! What should be done is decided by functions of values alone: [`fleet`] says which processes are started, stopped and looked
//! for, [`backoff`] when one that died is tried again, [`scaling`] how many a service needs, [`plan`] how many it may have. The
//! [`engine`] tells them what happens and does what they say. Around it are the edges: [`launch`] has the processes,
//! [`server`] and [`client`] the two sides of the socket, [`logs`] what processes say, [`usage`] what they use, [`watched`] what a
//! watcher of the machine hears of them, and [`leftovers`] those of a supervisor that was killed.

mod backoff;
pub(crate) mod client;
mod engine;
mod fleet;
pub(crate) mod handover;
mod launch;
mod leftovers;
pub(crate) mod logs;
pub(crate) mod operator;
mod orders;
mod plan;
pub(crate) mod protocol;
mod report;
mod scaling;
mod server;
mod start;
mod systemd;
mod table;
mod usage;
mod watched;

use std::path::{Path, PathBuf};
use std::time::Duration;

use tokio::sync::{mpsc, oneshot};

use fleet::ProcessId;
use protocol::{FromChild, Reply, Request};

pub(crate) use start::{Beginning, Supervision};
pub(crate) use table::Instances;

/// An instant, as the time since the supervisor's start.
type Moment = Duration;

/// What happens to the supervisor.
enum Input {
    /// A process has connected; the reply says which it is, or that it is none of ours.
    Connected { pid: i32, reply: oneshot::Sender<Option<ProcessId>> },
    /// A process says something.
    Said { process: ProcessId, message: FromChild },
    /// An operator asks for something.
    Asked { request: Request, replies: mpsc::Sender<Reply> },
    /// A process has ended.
    Ended { process: ProcessId, how: String },
}

/// The folder of what lives as long as the supervisor.
fn run_folder(data: &Path) -> PathBuf {
    data.join("run")
}

/// The supervisor's socket.
fn socket(data: &Path) -> PathBuf {
    run_folder(data).join("supervisor.sock")
}
