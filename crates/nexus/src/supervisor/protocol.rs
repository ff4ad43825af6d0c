//! What is said over the supervisor's socket: JSON, one object a line. The first line says which version the peer speaks and
//! who it is. A reader skips fields that it does not know, so that a field may be added without a new version.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

/// The version of this protocol. During an upgrade, processes of the new program speak to a supervisor of the old one.
pub(crate) const VERSION: u32 = 1;
/// The longest line, in bytes.
pub(crate) const MAX_LINE: usize = 4 << 20;

/// Who speaks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Role {
    /// A process that the supervisor started; the system tells the supervisor which.
    Child,
    /// A person's command.
    Operator,
}

/// The first line.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Hello {
    /// The version that the peer speaks.
    pub(crate) version: u32,
    /// Who it is.
    pub(crate) role: Role,
}

/// What a process says.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum FromChild {
    /// The service can be called there.
    Announce {
        /// Its name.
        service: String,
        /// The base URL.
        url: String,
    },
    /// Nothing can be called here any more.
    Withdraw,
    /// The process knows this table.
    Knows {
        /// The table's version.
        version: u64,
    },
    /// The process wants to hear of a service's events.
    Listen {
        /// The service.
        source: String,
    },
    /// There are events.
    Hints(Hints),
    /// What the process has to do; also the sign that it is well.
    Load(Load),
}

/// What a process is told.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum ToChild {
    /// Where all instances are.
    Table(Table),
    /// There are events.
    Hints(Hints),
    /// It is none of this supervisor's processes.
    Refused {
        /// Why.
        reason: String,
    },
}

/// Where all instances are.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Table {
    /// Grows with each change.
    pub(crate) version: u64,
    /// The base URLs of each service.
    pub(crate) services: BTreeMap<String, Vec<String>>,
}

/// Events of one service, in their order. They pass through the supervisor unread.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Hints {
    /// The service.
    pub(crate) source: String,
    /// The events.
    pub(crate) events: Box<RawValue>,
}

/// What a process has to do.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize, Deserialize)]
pub(crate) struct Load {
    /// Requests at once, on average since the last report.
    pub(crate) in_flight: f64,
    /// Requests a second, over the last minute.
    pub(crate) requests_per_second: f64,
}

/// What an operator asks.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Request {
    /// How every process is.
    Ps,
    /// End the processes of a service, or of all, and start new ones.
    Restart {
        /// The service; `None`: all.
        service: Option<String>,
    },
    /// Read the configuration again, and put new processes in the places of the old ones, one after the other.
    Reload {
        /// The service; `None`: all.
        service: Option<String>,
    },
    /// Give a service so many instances.
    Scale {
        /// The service.
        service: String,
        /// How many.
        instances: usize,
    },
}

/// What an operator is told.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Reply {
    /// How every process is.
    Processes(Vec<ProcessReport>),
    /// Something is done.
    Progress(String),
    /// Everything is done.
    Done(String),
    /// It can't be done, or went wrong.
    Refused(String),
}

/// How a process is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum State {
    /// It runs and does not serve yet.
    Starting,
    /// It serves.
    Ready,
    /// It ends.
    Stopping,
    /// It died and is started again soon.
    Waiting,
    /// It died again and again, and is tried again now and then.
    CrashLoop,
}

/// One process, or the place of one.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct ProcessReport {
    /// The service.
    pub(crate) service: String,
    /// Which of the service's instances, from 1.
    pub(crate) instance: usize,
    /// How it is.
    pub(crate) state: State,
    /// The process, when there is one.
    pub(crate) pid: Option<u32>,
    /// Seconds since it was started.
    pub(crate) uptime_seconds: Option<u64>,
    /// How often it was started again because it had died.
    pub(crate) restarts: u32,
    /// Processor time over the last seconds, in hundredths of a core.
    pub(crate) cpu_percent: Option<f64>,
    /// Memory in use, in bytes.
    pub(crate) memory_bytes: Option<u64>,
    /// Requests a second, over the last minute.
    pub(crate) requests_per_second: Option<f64>,
    /// Requests at once.
    pub(crate) in_flight: Option<f64>,
    /// Seconds until it is tried again.
    pub(crate) next_try_seconds: Option<u64>,
    /// How the last one ended that nobody had asked to.
    pub(crate) last_end: Option<String>,
    /// The last lines that it said before.
    pub(crate) last_lines: Vec<String>,
}

/// A message as a line.
pub(crate) fn line(message: &impl Serialize) -> String {
    let mut text = serde_json::to_string(message).unwrap_or_default();
    text.push('\n');
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_message_is_one_line_and_comes_back_as_it_was() {
        let events = RawValue::from_string("[{\"data\":\"a\\nb\"}]".to_owned()).unwrap();
        let text = line(&FromChild::Hints(Hints { source: "a".to_owned(), events }));
        assert_eq!(text.matches('\n').count(), 1);
        let FromChild::Hints(hints) = serde_json::from_str(&text).unwrap() else { panic!("{text}") };
        assert_eq!((hints.source.as_str(), hints.events.get()), ("a", "[{\"data\":\"a\\nb\"}]"));
    }

    #[test]
    fn a_field_that_is_not_known_is_skipped() {
        let hello: Hello = serde_json::from_str(r#"{"version":1,"role":"operator","colour":"red"}"#).unwrap();
        assert_eq!(hello, Hello { version: 1, role: Role::Operator });
    }
}
