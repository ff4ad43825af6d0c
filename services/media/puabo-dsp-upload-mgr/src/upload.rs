//! An upload's life: receiving, checking, then accepted or refused.

use nexus_contracts::content_management::ContentId;
use nexus_kernel::{Cause, Principal, Resource, TenantId, Timestamp, UserId};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use uuid::Uuid;

use crate::error::Error;
use crate::metadata::Metadata;

/// The most unfinished uploads that a person has at once.
pub(crate) const MAX_UNFINISHED: i64 = 100;

/// Where an upload is in its life.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub(crate) enum UploadState {
    /// Bytes are still missing.
    Receiving,
    /// All bytes are there; whether they are media is being looked at.
    Checking,
    /// It became a content item.
    Accepted,
    /// It can't be used; `error` says why. Nothing of it was kept.
    Refused,
}

impl UploadState {
    const ALL: [Self; 4] = [Self::Receiving, Self::Checking, Self::Accepted, Self::Refused];

    /// The name, as in JSON and SQL.
    pub(crate) const fn as_str(self) -> &'static str {
        match self {
            Self::Receiving => "receiving",
            Self::Checking => "checking",
            Self::Accepted => "accepted",
            Self::Refused => "refused",
        }
    }

    /// The state of this name.
    pub(crate) fn parse(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|state| state.as_str() == name)
    }
}

/// An upload.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub(crate) struct Upload {
    /// The upload's id, the last part of its tus address.
    #[schema(value_type = String, format = Uuid, example = "0199b3a2-7c1e-7d40-8a51-3f0e6b9d2c11")]
    pub id: Uuid,
    /// The file's name on the machine that it comes from.
    #[schema(example = "rehearsal.mov", max_length = 255)]
    pub filename: String,
    /// How many bytes it has.
    #[schema(example = 734_003_200, minimum = 1)]
    pub size: u64,
    /// How many of them have arrived for good.
    #[schema(example = 52_428_800, minimum = 0)]
    pub offset: u64,
    /// Where it is in its life.
    pub state: UploadState,
    /// Why it was refused; null otherwise.
    #[schema(example = "the file is a text and no video or sound, whatever its name says; choose a media file")]
    pub error: Option<String>,
    /// The content item that it became; null until it is accepted.
    pub content_id: Option<ContentId>,
    /// When it was begun.
    pub created_at: Timestamp,
    /// When it is removed unless more of it arrives; null once all has arrived.
    pub expires_at: Option<Timestamp>,
}

/// An upload with what only the service itself needs to know.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct StoredUpload {
    pub(crate) tenant: TenantId,
    pub(crate) owner: UserId,
    pub(crate) metadata: Metadata,
    /// The trace of the request that began it: what becomes of the upload belongs to it.
    pub(crate) cause: Cause,
    /// Until when an instance of the service has it for itself; absent when none has.
    pub(crate) writer_until: Option<Timestamp>,
    pub(crate) upload: Upload,
}

impl StoredUpload {
    /// A new upload of which nothing has arrived.
    pub(crate) fn begin(
        id: Uuid,
        by: &Principal,
        metadata: Metadata,
        size: u64,
        now: Timestamp,
        ends: Timestamp,
    ) -> Self {
        let upload = Upload {
            id,
            filename: metadata.filename.clone(),
            size,
            offset: 0,
            state: UploadState::Receiving,
            error: None,
            content_id: None,
            created_at: now,
            expires_at: Some(ends),
        };
        Self { tenant: by.tenant, owner: by.user, metadata, cause: Cause::current(), writer_until: None, upload }
    }

    /// What policies see of it.
    pub(crate) fn resource(&self) -> Resource {
        Resource::new("Upload", self.upload.id).tenant(self.tenant).owner(self.owner)
    }

    /// Whether some instance of the service writes to it, or died while it did.
    pub(crate) fn is_written(&self) -> bool {
        self.upload.state == UploadState::Receiving && self.writer_until.is_some()
    }

    /// Whether its time is over.
    pub(crate) fn check_live(&self, now: Timestamp) -> Result<(), Error> {
        match self.upload.expires_at {
            Some(ends) if ends <= now => Err(Error::Expired),
            _ => Ok(()),
        }
    }

    /// Whether a part may begin here; the number of bytes that are still missing.
    pub(crate) fn check_part(&self, offset: u64, length: Option<u64>) -> Result<u64, Error> {
        let (stored, size) = (self.upload.offset, self.upload.size);
        if offset != stored {
            return Err(Error::WrongOffset { stored, sent: offset });
        }
        let missing = size.saturating_sub(stored);
        if length.is_some_and(|length| length > missing) {
            return Err(Error::Overrun(size));
        }
        Ok(missing)
    }

    /// What is complete belongs to the content that it becomes.
    pub(crate) fn check_deletable(&self) -> Result<(), Error> {
        match self.upload.state {
            UploadState::Receiving | UploadState::Refused => Ok(()),
            UploadState::Checking | UploadState::Accepted => Err(Error::Complete),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn upload(offset: u64) -> StoredUpload {
        let by = Principal {
            user: UserId(Uuid::nil()),
            tenant: TenantId(Uuid::nil()),
            session: Uuid::nil(),
            token_id: Uuid::nil(),
            roles: Vec::new(),
            scopes: Vec::new(),
            expires_at: Timestamp::from_micros(0),
            client: None,
            authenticated_at: None,
            methods: Vec::new(),
            confirmation: None,
        };
        let metadata = Metadata::parse("").unwrap();
        let (now, ends) = (Timestamp::from_micros(1), Timestamp::from_micros(9));
        let mut stored = StoredUpload::begin(Uuid::nil(), &by, metadata, 10, now, ends);
        stored.upload.offset = offset;
        stored
    }

    #[test]
    fn a_part_goes_on_exactly_where_the_last_one_ended_and_not_beyond_the_end() {
        assert_eq!(upload(4).check_part(4, Some(6)).unwrap(), 6);
        assert_eq!(upload(4).check_part(4, None).unwrap(), 6);
        assert!(matches!(upload(4).check_part(5, Some(1)), Err(Error::WrongOffset { stored: 4, sent: 5 })));
        assert!(matches!(upload(4).check_part(4, Some(7)), Err(Error::Overrun(10))));
        assert_eq!(upload(10).check_part(10, Some(0)).unwrap(), 0);
    }

    #[test]
    fn an_upload_lives_until_its_time_and_for_ever_once_complete() {
        let mut stored = upload(0);
        assert!(stored.check_live(Timestamp::from_micros(8)).is_ok());
        assert!(matches!(stored.check_live(Timestamp::from_micros(9)), Err(Error::Expired)));
        stored.upload.expires_at = None;
        assert!(stored.check_live(Timestamp::from_micros(99)).is_ok());
    }

    #[test]
    fn states_keep_their_names() {
        for state in UploadState::ALL {
            assert_eq!(UploadState::parse(state.as_str()), Some(state));
        }
        assert_eq!(UploadState::parse("done"), None);
    }
}
