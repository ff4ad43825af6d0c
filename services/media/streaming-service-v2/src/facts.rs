//! What is known about content, asked of content-management and believed for a moment.
//!
//! A film's segments are asked for many times a second. An answer is kept for at most a second, and shorter when
//! content-management announces that it changed.

use std::time::Duration;

use http::StatusCode;
use moka::future::Cache;
use nexus_contracts::content_management::{ContentFacts, ContentId, ContentManagement};
use nexus_kernel::Context;

use crate::error::Error;

/// How long an answer is believed.
const BELIEVED: Duration = Duration::from_secs(1);
/// How many answers are kept.
const KEPT: u64 = 10_000;

/// Answers that are still believed; `None` for content that is not there.
#[derive(Debug)]
pub(crate) struct Facts(Cache<ContentId, Option<ContentFacts>>);

impl Default for Facts {
    fn default() -> Self {
        Self(Cache::builder().max_capacity(KEPT).time_to_live(BELIEVED).build())
    }
}

impl Facts {
    /// What is known about content, perhaps a moment ago.
    pub(crate) async fn recent(&self, ctx: &Context, content: ContentId) -> Result<ContentFacts, Error> {
        match self.0.get(&content).await {
            Some(known) => known.ok_or(Error::NotFound),
            None => self.fresh(ctx, content).await,
        }
    }

    /// What is known about content now.
    pub(crate) async fn fresh(&self, ctx: &Context, content: ContentId) -> Result<ContentFacts, Error> {
        let found = match ContentManagement::new(&ctx.mesh).facts(content).await {
            Ok(facts) => Some(facts),
            Err(error) if error.status() == Some(StatusCode::NOT_FOUND) => None,
            Err(error) => return Err(error.into()),
        };
        self.0.insert(content, found.clone()).await;
        found.ok_or(Error::NotFound)
    }

    /// Something changed about the content.
    pub(crate) async fn forget(&self, content: ContentId) {
        self.0.invalidate(&content).await;
    }
}
