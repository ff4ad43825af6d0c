//! An item's media: how far it is on its way from a file to something that plays.

use nexus_contracts::content_management::{MediaReport, MediaState};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// An item's media.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub(crate) struct Media {
    /// Where it is.
    pub state: MediaState,
    /// How much of the work is done, from 0 to 1.
    #[schema(example = 0.42, minimum = 0, maximum = 1)]
    pub progress: f64,
    /// Why it can't be played; null unless it failed.
    #[schema(example = "the file is damaged, or it is not a media file")]
    pub error: Option<String>,
    /// How long it plays, in milliseconds; null until it is ready.
    #[schema(example = 93_500, minimum = 0)]
    pub duration_ms: Option<i64>,
    /// The best rendition's width in pixels; null until it is ready, and without a picture.
    #[schema(example = 1920, minimum = 2)]
    pub width: Option<i64>,
    /// The best rendition's height in pixels; null until it is ready, and without a picture.
    #[schema(example = 1080, minimum = 2)]
    pub height: Option<i64>,
}

/// What a report changes.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Change {
    /// Nothing: the report is older than what is known.
    None,
    /// The media is now this.
    To(Media),
    /// The media is now this, and the source goes unless trying again may help.
    Failed { media: Media, error: String, retryable: bool },
}

impl Media {
    /// Media of which only the file is there.
    pub(crate) fn attached() -> Self {
        Self { state: MediaState::Processing, progress: 0.0, error: None, duration_ms: None, width: None, height: None }
    }

    /// What a report makes of this. What can be played stays so: a report that says otherwise was overtaken.
    pub(crate) fn after(&self, report: &MediaReport) -> Change {
        if self.state == MediaState::Ready {
            return Change::None;
        }
        match report {
            MediaReport::Processing { progress } => {
                let progress = if progress.is_finite() { progress.clamp(0.0, 1.0) } else { 0.0 };
                Change::To(Self { progress, ..Self::attached() })
            }
            MediaReport::Ready { duration_ms, width, height } => Change::To(Self {
                state: MediaState::Ready,
                progress: 1.0,
                error: None,
                duration_ms: i64::try_from(*duration_ms).ok(),
                width: width.map(i64::from),
                height: height.map(i64::from),
            }),
            MediaReport::Failed { .. } if self.state == MediaState::Failed => Change::None,
            MediaReport::Failed { error, retryable } => {
                let media = Self { state: MediaState::Failed, error: Some(error.clone()), ..Self::attached() };
                Change::Failed { media, error: error.clone(), retryable: *retryable }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn failed() -> MediaReport {
        MediaReport::Failed { error: "cut off".to_owned(), retryable: false }
    }

    fn media_after(media: &Media, report: &MediaReport) -> Media {
        match media.after(report) {
            Change::None => media.clone(),
            Change::To(media) | Change::Failed { media, .. } => media,
        }
    }

    #[test]
    fn media_becomes_ready_and_stays_so() {
        let ready = MediaReport::Ready { duration_ms: 4_000, width: Some(640), height: None };
        let media = media_after(&Media::attached(), &ready);
        assert_eq!(
            (media.state, media.duration_ms, media.width, media.height),
            (MediaState::Ready, Some(4_000), Some(640), None)
        );
        assert_eq!(media.after(&MediaReport::Processing { progress: 0.9 }), Change::None);
        assert_eq!(media.after(&failed()), Change::None);
    }

    #[test]
    fn a_failure_is_told_once_and_a_retry_clears_it() {
        let media = media_after(&Media::attached(), &failed());
        assert_eq!(media.error.as_deref(), Some("cut off"));
        assert_eq!(media.after(&failed()), Change::None);
        let again = media_after(&media, &MediaReport::Processing { progress: 0.0 });
        assert_eq!(again, Media::attached());
    }

    proptest! {
        #[test]
        fn progress_is_always_a_share(progress in proptest::num::f64::ANY) {
            let media = media_after(&Media::attached(), &MediaReport::Processing { progress });
            prop_assert!((0.0..=1.0).contains(&media.progress));
        }
    }
}
