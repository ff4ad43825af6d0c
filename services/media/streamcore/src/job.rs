//! A transcode job's life: queued, running, then succeeded or failed.

use nexus_contracts::streamcore::{ContentId, JobId};
use nexus_kernel::{Cause, Resource, TenantId, Timestamp};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::error::Error;

/// How often a job is tried before it fails: a machine may stop once or twice for reasons of its own.
pub(crate) const MAX_ATTEMPTS: i64 = 3;

/// Where a job is in its life.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub(crate) enum JobState {
    /// It waits for a free place.
    Queued,
    /// ffmpeg works on it.
    Running,
    /// Its renditions can be played.
    Succeeded,
    /// It gave up; `error` says why.
    Failed,
}

impl JobState {
    const ALL: [Self; 4] = [Self::Queued, Self::Running, Self::Succeeded, Self::Failed];

    /// The name, as in JSON and SQL.
    pub(crate) const fn as_str(self) -> &'static str {
        match self {
            Self::Queued => "queued",
            Self::Running => "running",
            Self::Succeeded => "succeeded",
            Self::Failed => "failed",
        }
    }

    /// The state of this name.
    pub(crate) fn parse(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|state| state.as_str() == name)
    }
}

/// A rendition that a job makes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub(crate) struct LadderRung {
    /// The picture's height in pixels.
    #[schema(example = 720, minimum = 2, maximum = 1080)]
    pub height: u32,
    /// The most that the picture takes, in kilobits a second.
    #[schema(example = 2_800, minimum = 1)]
    pub bitrate_kbps: u32,
}

/// A transcode job.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub(crate) struct TranscodeJob {
    /// The job's id.
    pub id: JobId,
    /// The content that it is for.
    pub content_id: ContentId,
    /// Where it is in its life.
    pub state: JobState,
    /// How much is done, from 0 to 1.
    #[schema(example = 0.42, minimum = 0, maximum = 1)]
    pub progress: f64,
    /// How often it was started.
    #[schema(example = 1, minimum = 0, maximum = 3)]
    pub attempts: i64,
    /// Why it failed, or what it waits for; null when all is well.
    #[schema(example = "the file is incomplete: it ends before the place that its header names")]
    pub error: Option<String>,
    /// Whether it failed and may be tried again: the machine failed, not the file.
    pub retryable: bool,
    /// The renditions, best first; empty until the source was looked at, and for sound alone.
    pub ladder: Vec<LadderRung>,
    /// When it was ordered.
    pub created_at: Timestamp,
    /// When it was started last; null before that.
    pub started_at: Option<Timestamp>,
    /// When it ended; null before that.
    pub finished_at: Option<Timestamp>,
}

/// A job with what only the service itself needs to know.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct StoredJob {
    pub(crate) tenant: TenantId,
    /// The source file's key in the blob store.
    pub(crate) source_key: String,
    /// The trace of the request that ordered it.
    pub(crate) cause: Cause,
    pub(crate) job: TranscodeJob,
}

impl StoredJob {
    /// What policies see of it.
    pub(crate) fn resource(&self) -> Resource {
        Resource::new("TranscodeJob", self.job.id).tenant(self.tenant)
    }

    /// Only what failed can be tried again.
    pub(crate) fn check_retry(&self) -> Result<(), Error> {
        if self.job.state == JobState::Failed { Ok(()) } else { Err(Error::NotFailed(self.job.state)) }
    }
}

/// What becomes of a job that ended without a result.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Next {
    /// Back into the queue.
    Queue,
    /// It gives up.
    Fail {
        /// Whether a person may try again later with the same file.
        retryable: bool,
    },
}

/// A file that can't be read will not get better; a machine that stumbled may.
pub(crate) fn after_failure(blame: Blame, attempts: i64) -> Next {
    match blame {
        Blame::Input => Next::Fail { retryable: false },
        Blame::Machine if attempts < MAX_ATTEMPTS => Next::Queue,
        Blame::Machine => Next::Fail { retryable: true },
    }
}

/// Why a job ended without a result.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Blame {
    /// The file.
    Input,
    /// Disk, memory, time or a crash.
    Machine,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bad_file_fails_at_once_and_a_bad_machine_gets_three_attempts() {
        assert_eq!(after_failure(Blame::Input, 1), Next::Fail { retryable: false });
        assert_eq!(after_failure(Blame::Machine, 1), Next::Queue);
        assert_eq!(after_failure(Blame::Machine, 2), Next::Queue);
        assert_eq!(after_failure(Blame::Machine, 3), Next::Fail { retryable: true });
    }

    #[test]
    fn states_keep_their_names() {
        for state in JobState::ALL {
            assert_eq!(JobState::parse(state.as_str()), Some(state));
        }
        assert_eq!(JobState::parse("done"), None);
    }
}
