//! What is known about content, asked of content-management and believed for a moment.
//!
//! A film's segments are asked for many times a second. An answer is kept for at most a second, and shorter when
//! content-management announces that it changed.

use std::time::Duration;

use http::StatusCode;
use moka::future::Cache;
use nexus_contracts::content_management::{ContentFacts, ContentId, ContentManagement};
use nexus_kernel::Context;
use nexus_kernel::store::Scope;

use crate::error::Error;
use crate::store;

/// How long an answer is believed.
const BELIEVED: Duration = Duration::from_secs(1);
/// How many answers are kept.
const KEPT: u64 = 10_000;

/// What is known about content, and where its files are.
#[derive(Debug, Clone)]
pub(crate) struct Known {
    pub(crate) facts: ContentFacts,
    /// Which attempt's renditions count.
    pub(crate) rendition: String,
}

/// Answers that are still believed; `None` for content that is not there.
#[derive(Debug)]
pub(crate) struct Facts(Cache<ContentId, Option<Known>>);

impl Default for Facts {
    fn default() -> Self {
        Self(Cache::builder().max_capacity(KEPT).time_to_live(BELIEVED).build())
    }
}

impl Facts {
    /// What is known about content, perhaps a moment ago.
    pub(crate) async fn recent(&self, ctx: &Context, content: ContentId) -> Result<Known, Error> {
        match self.0.get(&content).await {
            Some(known) => known.ok_or(Error::NotFound),
            None => self.fresh(ctx, content).await,
        }
    }

    /// What is known about content now.
    pub(crate) async fn fresh(&self, ctx: &Context, content: ContentId) -> Result<Known, Error> {
        let found = match ContentManagement::new(&ctx.mesh).facts(content).await {
            Ok(facts) => {
                let rendition = store::rendition(&mut ctx.store.read(Scope::System), content).await?;
                Some(Known { facts, rendition })
            }
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
