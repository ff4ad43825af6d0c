//! The files that streamcore makes, by their names. Whatever has another name is not there, so that no path leads out.

use nexus_contracts::content_management::ContentId;
use nexus_contracts::streamcore::{MASTER_PLAYLIST, rendition_prefix};
use nexus_kernel::TenantId;

/// The most digits that a number in a name has.
const MAX_DIGITS: usize = 9;

/// What a file is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    Playlist,
    /// What comes before the first segment.
    Initialisation,
    Segment,
    Picture,
}

impl Kind {
    /// The media type; playlists as RFC 8216 section 4 says.
    pub(crate) const fn media_type(self) -> &'static str {
        match self {
            Self::Playlist => "application/vnd.apple.mpegurl",
            Self::Initialisation => "video/mp4",
            Self::Segment => "video/iso.segment",
            Self::Picture => "image/jpeg",
        }
    }
}

/// One of a content item's files.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct MediaFile {
    pub(crate) kind: Kind,
    /// Where it is below the item's renditions.
    path: String,
}

impl MediaFile {
    /// A file beside the multivariant playlist.
    pub(crate) fn top(name: &str) -> Option<Self> {
        let kind = match name {
            MASTER_PLAYLIST => Kind::Playlist,
            "poster.jpg" => Kind::Picture,
            _ => return None,
        };
        Some(Self { kind, path: name.to_owned() })
    }

    /// A file of a rendition, or a thumbnail.
    pub(crate) fn below(folder: &str, name: &str) -> Option<Self> {
        let kind = match folder {
            "thumbs" => name.strip_suffix(".jpg").filter(|number| is_number(number)).map(|_| Kind::Picture)?,
            _ if folder == "audio" || folder.strip_suffix('p').is_some_and(is_number) => of_rendition(name)?,
            _ => return None,
        };
        Some(Self { kind, path: format!("{folder}/{name}") })
    }

    /// Its key in the blob store.
    pub(crate) fn key(&self, tenant: TenantId, content: ContentId, rendition: &str) -> String {
        format!("{}/{}", rendition_prefix(tenant, content, rendition), self.path)
    }
}

fn of_rendition(name: &str) -> Option<Kind> {
    match name {
        "index.m3u8" => Some(Kind::Playlist),
        "init.mp4" => Some(Kind::Initialisation),
        _ => name.strip_suffix(".m4s").filter(|number| is_number(number)).map(|_| Kind::Segment),
    }
}

fn is_number(text: &str) -> bool {
    (1..=MAX_DIGITS).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_digit())
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn what_streamcore_makes_is_known_by_its_kind() {
        let kind = |file: Option<MediaFile>| file.map(|file| file.kind);
        assert_eq!(kind(MediaFile::top("master.m3u8")), Some(Kind::Playlist));
        assert_eq!(kind(MediaFile::top("poster.jpg")), Some(Kind::Picture));
        assert_eq!(kind(MediaFile::below("720p", "index.m3u8")), Some(Kind::Playlist));
        assert_eq!(kind(MediaFile::below("audio", "init.mp4")), Some(Kind::Initialisation));
        assert_eq!(kind(MediaFile::below("90p", "00012.m4s")), Some(Kind::Segment));
        assert_eq!(kind(MediaFile::below("thumbs", "3.jpg")), Some(Kind::Picture));
    }

    #[test]
    fn nothing_else_is_a_file() {
        for name in ["", ".", "..", "index.m3u8", "master.m3u8/", "../master.m3u8", "source", "MASTER.M3U8"] {
            assert_eq!(MediaFile::top(name), None, "{name}");
        }
        for (folder, name) in [
            ("..", "index.m3u8"),
            ("p", "index.m3u8"),
            ("720P", "index.m3u8"),
            ("720p", "../x.m4s"),
            ("720p", ".m4s"),
            ("720p", "+1.m4s"),
            ("thumbs", "index.m3u8"),
            ("thumbs", "1.png"),
            ("1234567890p", "init.mp4"),
            ("audio", ""),
        ] {
            assert_eq!(MediaFile::below(folder, name), None, "{folder}/{name}");
        }
    }

    proptest! {
        #[test]
        fn no_name_leads_out_of_the_items_folder(folder in "[a-z0-9./\\\\%]{0,12}", name in "[a-z0-9./\\\\%]{0,12}") {
            if let Some(file) = MediaFile::below(&folder, &name) {
                prop_assert_eq!(file.path.matches('/').count(), 1);
                prop_assert!(!file.path.contains("..") && !file.path.contains('\\'));
            }
        }
    }
}
