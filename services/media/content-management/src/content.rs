//! A content item: what people say about it, who sees it, and whether it is out.

use garde::Validate;
use nexus_contracts::content_management::{
    AttachUpload, ContentFacts, ContentId, MAX_TITLE_CHARACTERS, MediaState, Status, Visibility,
};
use nexus_kernel::{Context, Principal, Problem, Resource, TenantId, Timestamp, UserId};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use uuid::Uuid;

use crate::error::Error;
use crate::media::Media;
use crate::store;
use crate::words::search_text;

/// The most characters that a description has.
const MAX_DESCRIPTION_CHARACTERS: usize = 5_000;

/// A content item.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub(crate) struct Content {
    /// The item's id.
    pub id: ContentId,
    /// What it is called.
    #[schema(example = "Rehearsal in the old harbour", min_length = 1, max_length = 200)]
    pub title: String,
    /// What it is about; empty when nothing was said.
    #[schema(example = "The whole evening, in one take.", max_length = 5000)]
    pub description: String,
    /// Who may watch it once it is published.
    pub visibility: Visibility,
    /// Whether it is published.
    pub status: Status,
    /// Its media; null while it has none.
    pub media: Option<Media>,
    /// The person who made it.
    pub created_by: UserId,
    /// When it was made.
    pub created_at: Timestamp,
    /// When a person changed it last.
    pub updated_at: Timestamp,
    /// When it was published last; null while it is a draft.
    pub published_at: Option<Timestamp>,
    /// Grows with every change that a person makes; the `ETag`. How far the media is does not count.
    #[schema(example = 3, minimum = 1)]
    pub version: i64,
}

/// The file that an item was made of.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct SourceFile {
    pub(crate) upload_id: Uuid,
    pub(crate) key: String,
}

/// An item with what only services need to know.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct StoredContent {
    pub(crate) tenant: TenantId,
    pub(crate) source: Option<SourceFile>,
    pub(crate) content: Content,
}

/// A new item.
#[derive(Debug, Clone, Deserialize, Validate, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct NewContent {
    /// What it is called.
    #[garde(custom(title_rule))]
    #[schema(example = "Rehearsal in the old harbour", min_length = 1, max_length = 200)]
    pub title: String,
    /// What it is about.
    #[garde(length(chars, max = MAX_DESCRIPTION_CHARACTERS))]
    #[serde(default)]
    #[schema(example = "The whole evening, in one take.", max_length = 5000)]
    pub description: String,
    /// Who may watch it once it is published; private when absent.
    #[garde(skip)]
    pub visibility: Option<Visibility>,
}

/// What to change about an item; what is absent stays.
#[derive(Debug, Clone, Default, Deserialize, Validate, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct ContentChanges {
    /// What it is called.
    #[garde(inner(custom(title_rule)))]
    #[schema(example = "Rehearsal in the new harbour", min_length = 1, max_length = 200)]
    pub title: Option<String>,
    /// What it is about.
    #[garde(inner(length(chars, max = MAX_DESCRIPTION_CHARACTERS)))]
    #[schema(example = "With the second song.", max_length = 5000)]
    pub description: Option<String>,
    /// Who may watch it once it is published.
    #[garde(skip)]
    pub visibility: Option<Visibility>,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "the signature that garde calls")]
fn title_rule(title: &str, (): &()) -> garde::Result {
    let characters = title.trim().chars().count();
    if (1..=MAX_TITLE_CHARACTERS).contains(&characters) {
        return Ok(());
    }
    Err(garde::Error::new(format!("must have 1 to {MAX_TITLE_CHARACTERS} characters that are not only spaces")))
}

impl Content {
    /// A new draft.
    pub(crate) fn draft(id: ContentId, new: NewContent, owner: UserId, now: Timestamp) -> Self {
        Self {
            id,
            title: new.title.trim().to_owned(),
            description: new.description,
            visibility: new.visibility.unwrap_or(Visibility::Private),
            status: Status::Draft,
            media: None,
            created_by: owner,
            created_at: now,
            updated_at: now,
            published_at: None,
            version: 1,
        }
    }

    /// The item after a person's edit.
    #[must_use]
    pub(crate) fn edited(self, changes: ContentChanges, now: Timestamp) -> Self {
        Self {
            title: changes.title.map_or(self.title, |title| title.trim().to_owned()),
            description: changes.description.unwrap_or(self.description),
            visibility: changes.visibility.unwrap_or(self.visibility),
            updated_at: now,
            version: self.version + 1,
            ..self
        }
    }

    /// The item when it is out; `None` when it is out already. Only what plays can be published.
    pub(crate) fn published(self, now: Timestamp) -> Result<Option<Self>, Error> {
        if self.status == Status::Published {
            return Ok(None);
        }
        match self.media.as_ref().map(|media| (media.state, media.error.clone())) {
            None => Err(Error::NoMedia),
            Some((MediaState::Processing, _)) => Err(Error::MediaProcessing),
            Some((MediaState::Failed, error)) => Err(Error::MediaFailed(error.unwrap_or_default())),
            Some((MediaState::Ready, _)) => Ok(Some(Self {
                status: Status::Published,
                published_at: Some(now),
                updated_at: now,
                version: self.version + 1,
                ..self
            })),
        }
    }

    /// The item when it is taken back; `None` when it is a draft already.
    pub(crate) fn unpublished(self, now: Timestamp) -> Option<Self> {
        (self.status == Status::Published).then(|| Self {
            status: Status::Draft,
            published_at: None,
            updated_at: now,
            version: self.version + 1,
            ..self
        })
    }
}

impl StoredContent {
    /// The item of a finished upload: a private draft whose media is on its way.
    pub(crate) fn of_upload(id: ContentId, upload: AttachUpload, now: Timestamp) -> Self {
        let new = NewContent { title: upload.title, description: String::new(), visibility: None };
        let draft = Content::draft(id, new, upload.owner, now);
        Self {
            tenant: upload.tenant,
            source: Some(SourceFile { upload_id: upload.upload_id, key: upload.source_key }),
            content: Content { media: Some(Media::attached()), ..draft },
        }
    }

    /// The same item with other content.
    #[must_use]
    pub(crate) fn with(self, content: Content) -> Self {
        Self { content, ..self }
    }

    /// What policies see of it.
    pub(crate) fn resource(&self) -> Resource {
        Resource::new("Content", self.content.id)
            .tenant(self.tenant)
            .owner(self.content.created_by)
            .text("visibility", self.content.visibility.as_str())
            .text("status", self.content.status.as_str())
    }

    /// 404 unless the asker may see it. Somebody of another organisation sees what a stranger sees.
    pub(crate) fn check_visible(&self, ctx: &Context, asker: Option<&Principal>) -> Result<(), Problem> {
        let asker = asker.filter(|principal| principal.tenant == self.tenant);
        if ctx.allows(asker, "view", &self.resource())? { Ok(()) } else { Err(Error::NotFound.into()) }
    }

    /// What services that deliver it need to know.
    pub(crate) fn facts(&self) -> ContentFacts {
        let media = self.content.media.as_ref();
        ContentFacts {
            id: self.content.id,
            tenant: self.tenant,
            owner: self.content.created_by,
            visibility: self.content.visibility,
            status: self.content.status,
            media: media.map(|media| media.state),
            duration_ms: media.and_then(|media| media.duration_ms).and_then(|length| u64::try_from(length).ok()),
            published_at: self.content.published_at,
        }
    }
}

/// Puts items from before there was an index into it.
pub(crate) async fn index(ctx: Context) -> Result<(), Problem> {
    loop {
        let items = store::unindexed(&ctx).await?;
        if items.is_empty() || ctx.shutdown.is_cancelled() {
            return Ok(());
        }
        let with_words = |item: store::Unindexed| {
            let words = search_text(&item.title, &item.description);
            (item, words)
        };
        store::index(&ctx, &items.into_iter().map(with_words).collect::<Vec<_>>()).await?;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Timestamp = Timestamp::from_micros(1_000);

    fn draft(media: Option<MediaState>) -> Content {
        let new = NewContent { title: " Title ".to_owned(), description: String::new(), visibility: None };
        let content = Content::draft(ContentId(Uuid::nil()), new, UserId(Uuid::nil()), Timestamp::from_micros(0));
        Content { media: media.map(|state| Media { state, ..Media::attached() }), ..content }
    }

    #[test]
    fn a_new_item_is_a_private_draft_with_a_trimmed_title() {
        let content = draft(None);
        assert_eq!(
            (content.title.as_str(), content.visibility, content.status),
            ("Title", Visibility::Private, Status::Draft)
        );
    }

    #[test]
    fn only_what_plays_can_be_published() {
        assert_eq!(draft(None).published(NOW), Err(Error::NoMedia));
        assert_eq!(draft(Some(MediaState::Processing)).published(NOW), Err(Error::MediaProcessing));
        assert!(matches!(draft(Some(MediaState::Failed)).published(NOW), Err(Error::MediaFailed(_))));
        let published = draft(Some(MediaState::Ready)).published(NOW).unwrap().unwrap();
        assert_eq!((published.status, published.published_at, published.version), (Status::Published, Some(NOW), 2));
    }

    #[test]
    fn publishing_twice_and_taking_back_a_draft_change_nothing() {
        let published = draft(Some(MediaState::Ready)).published(NOW).unwrap().unwrap();
        assert_eq!(published.clone().published(NOW), Ok(None));
        let taken_back = published.unpublished(NOW).unwrap();
        assert_eq!((taken_back.status, taken_back.published_at, taken_back.version), (Status::Draft, None, 3));
        assert_eq!(taken_back.unpublished(NOW), None);
    }

    #[test]
    fn an_edit_changes_what_it_names_and_counts() {
        let changes = ContentChanges { title: Some(" New ".to_owned()), ..ContentChanges::default() };
        let edited = draft(None).edited(changes, NOW);
        assert_eq!((edited.title.as_str(), edited.visibility, edited.version), ("New", Visibility::Private, 2));
        assert_eq!(edited.updated_at, NOW);
    }

    #[test]
    fn titles_of_spaces_and_endless_titles_are_refused() {
        assert!(title_rule("  ", &()).is_err() && title_rule(&"x".repeat(201), &()).is_err());
        assert!(title_rule(&"ü".repeat(200), &()).is_ok());
    }
}
