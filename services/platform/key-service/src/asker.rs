//! Who asks: what every operation on keys and secrets is given.

use http::StatusCode;
use nexus_kernel::{Context, Principal, Problem, Resource};

use crate::audit::{self, Line};

/// A person, and the service that is asked.
#[derive(Debug, Clone)]
pub(crate) struct Asker {
    pub(crate) context: Context,
    pub(crate) principal: Principal,
}

impl Asker {
    /// 403 unless the policies allow it. That somebody tried is in the log.
    pub(crate) async fn must_be_allowed(
        &self,
        action: &'static str,
        resource: &Resource,
        target: &str,
    ) -> Result<(), Problem> {
        let Err(refusal) = self.context.authorize(&self.principal, action, resource) else { return Ok(()) };
        if refusal.status() == StatusCode::FORBIDDEN {
            audit::write(&self.context, Line::of(self, action, target).denied()).await?;
        }
        Err(refusal)
    }
}
