//! Why a call to another service gave no reply to use.

use std::time::Duration;

use http::StatusCode;

use crate::problem::Problem;

/// A call to another service failed.
#[derive(Debug, Clone, thiserror::Error)]
pub enum MeshError {
    /// The service answered with a problem.
    #[error("{0}")]
    Refused(Problem),
    /// Nobody knows an instance of the service.
    #[error("{service} is not running")]
    NoInstance {
        /// The service.
        service: String,
    },
    /// Every instance failed too often lately to be tried now.
    #[error("{service} failed repeatedly and is not called before {} s are over", .retry_after.as_secs())]
    BreakerOpen {
        /// The service.
        service: String,
        /// Until an instance is tried again.
        retry_after: Duration,
    },
    /// The instance could not be reached, or broke the connection.
    #[error("{service} at {instance} did not answer: {cause}")]
    Transport {
        /// The service.
        service: String,
        /// The instance.
        instance: String,
        /// What happened.
        cause: String,
        /// Whether the instance can't have seen the request.
        unsent: bool,
    },
    /// The answer did not come in time.
    #[error("{service} did not answer within {} ms", .waited.as_millis())]
    Timeout {
        /// The service.
        service: String,
        /// How long it was given.
        waited: Duration,
    },
    /// The answer is not what the caller's contract says.
    #[error("{service} answered something unreadable: {cause}")]
    Unreadable {
        /// The service.
        service: String,
        /// What is wrong with it.
        cause: String,
    },
    /// The call itself can't be written as a request: a mistake of the caller.
    #[error("the call to {service} is no valid request: {cause}")]
    Invalid {
        /// The service.
        service: String,
        /// What is wrong with it.
        cause: String,
    },
}

impl MeshError {
    /// The status that the service answered with, if it answered.
    pub fn status(&self) -> Option<StatusCode> {
        match self {
            Self::Refused(problem) => Some(problem.status()),
            _ => None,
        }
    }
}

impl From<MeshError> for Problem {
    /// A problem of the other service is passed on as it came; the rest is 503, 504, or our own fault.
    fn from(error: MeshError) -> Self {
        match error {
            MeshError::Refused(problem) => problem,
            MeshError::BreakerOpen { retry_after, .. } => Self::unavailable(error.to_string()).retry_after(retry_after),
            MeshError::NoInstance { .. } => Self::unavailable(error.to_string()),
            MeshError::Transport { ref service, .. } => {
                // Addresses and causes are for the log.
                tracing::warn!(%error, "a mesh call failed");
                Self::unavailable(format!("{service} does not answer"))
            }
            MeshError::Timeout { .. } => Self::gateway_timeout(error.to_string()),
            MeshError::Unreadable { .. } | MeshError::Invalid { .. } => Self::internal(error),
        }
    }
}
