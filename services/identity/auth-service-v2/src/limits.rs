//! How often somebody may ask, where asking costs us and not them. What can't be counted now passes, with a warning.

use std::time::Duration;

use nexus_kernel::Context;
use nexus_kernel::limit::Quota;

/// Something that is counted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Counted {
    /// Authorization requests from one address: each is kept for minutes. An office full of people may sign in at once.
    Authorizations,
    /// Requests of devices from one address.
    Devices,
    /// Requests from one address that failed to show which application they are of. Secrets can't be guessed; this saves work.
    ClientFailures,
    /// Codes that one person types in, which are short.
    UserCodes,
}

impl Counted {
    const fn name(self) -> &'static str {
        match self {
            Self::Authorizations => "authorizations",
            Self::Devices => "devices",
            Self::ClientFailures => "client-failures",
            Self::UserCodes => "user-codes",
        }
    }

    fn quota(self) -> Quota {
        match self {
            Self::Authorizations => Quota::per_minute(300),
            Self::Devices => Quota::per_minute(60),
            Self::ClientFailures => Quota::per_minute(30),
            Self::UserCodes => Quota::per_minute(10),
        }
    }

    /// Counts one more of somebody's; the error says how long to wait.
    pub(crate) async fn once_more(self, context: &Context, who: &str) -> Result<(), Duration> {
        let key = format!("auth-service-v2:{}:{who}", self.name());
        match context.cache.limit(&key, self.quota()).await {
            Ok(decision) if !decision.allowed => Err(decision.retry_after),
            Ok(_) => Ok(()),
            Err(error) => {
                tracing::warn!(%error, counted = self.name(), "limits can not be counted now; the request passes");
                Ok(())
            }
        }
    }
}
