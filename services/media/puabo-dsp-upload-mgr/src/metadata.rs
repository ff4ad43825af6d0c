//! `Upload-Metadata` (tus 1.0.0, creation extension): what the sender says about the file.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use nexus_contracts::content_management::MAX_TITLE_CHARACTERS;

/// The longest header that is read, in bytes.
const MAX_BYTES: usize = 4_096;
/// The most characters of a file's name that are kept.
const MAX_FILENAME_CHARACTERS: usize = 255;
/// What a file is called whose sender gave it no name.
const UNNAMED: &str = "upload";

/// The header can't be read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(crate) enum MetadataError {
    #[error("may have at most {MAX_BYTES} bytes of ASCII text")]
    TooLong,
    #[error("must be pairs of a key and a value in base64, separated by commas")]
    Malformed,
    #[error("names a key twice")]
    Repeated,
    #[error("has a value that is not UTF-8 text")]
    NotText,
}

/// What is used of the metadata.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Metadata {
    /// The header as it came.
    pub(crate) raw: String,
    /// The file's name, without folders.
    pub(crate) filename: String,
    /// What the content item will be called.
    pub(crate) title: String,
}

impl Metadata {
    /// Reads the header's value; an absent one is the empty text.
    pub(crate) fn parse(raw: &str) -> Result<Self, MetadataError> {
        if raw.len() > MAX_BYTES || !raw.is_ascii() {
            return Err(MetadataError::TooLong);
        }
        let pairs = pairs(raw)?;
        let value = |wanted: &str| pairs.iter().find(|(key, _)| *key == wanted).map_or("", |(_, value)| value.as_str());
        let filename = filename(value("filename"));
        let title = title(value("title"), &filename);
        Ok(Self { raw: raw.to_owned(), filename, title })
    }
}

fn pairs(raw: &str) -> Result<Vec<(&str, String)>, MetadataError> {
    let mut pairs: Vec<(&str, String)> = Vec::new();
    for pair in raw.split(',').map(str::trim).filter(|_| !raw.trim().is_empty()) {
        let (key, value) = pair.split_once(' ').unwrap_or((pair, ""));
        if key.is_empty() {
            return Err(MetadataError::Malformed);
        }
        if pairs.iter().any(|(known, _)| *known == key) {
            return Err(MetadataError::Repeated);
        }
        let value = STANDARD.decode(value.trim()).map_err(|_| MetadataError::Malformed)?;
        pairs.push((key, String::from_utf8(value).map_err(|_| MetadataError::NotText)?));
    }
    Ok(pairs)
}

/// The last part of a path of any system, without what no name has.
fn filename(text: &str) -> String {
    let last = text.rsplit(['/', '\\']).next().unwrap_or_default();
    let name = clean(last, MAX_FILENAME_CHARACTERS);
    if name.is_empty() { UNNAMED.to_owned() } else { name }
}

fn title(text: &str, filename: &str) -> String {
    let title = clean(text, MAX_TITLE_CHARACTERS);
    if !title.is_empty() {
        return title;
    }
    let stem = filename.rsplit_once('.').map_or(filename, |(stem, _)| stem);
    let title = clean(stem, MAX_TITLE_CHARACTERS);
    if title.is_empty() { clean(filename, MAX_TITLE_CHARACTERS) } else { title }
}

/// One line without control characters, cut to a length.
fn clean(text: &str, characters: usize) -> String {
    let text: String = text.chars().map(|character| if character.is_control() { ' ' } else { character }).collect();
    text.trim().chars().take(characters).collect::<String>().trim_end().to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn header(pairs: &[(&str, &str)]) -> String {
        pairs.iter().map(|(key, value)| format!("{key} {}", STANDARD.encode(value))).collect::<Vec<_>>().join(",")
    }

    #[test]
    fn name_and_title_are_read_and_the_header_is_kept() {
        let raw = header(&[
            ("filename", "C:\\films\\Été.final.mov"),
            ("filetype", "video/quicktime"),
            ("title", " Summer\n "),
        ]);
        let metadata = Metadata::parse(&raw).unwrap();
        assert_eq!((metadata.filename.as_str(), metadata.title.as_str()), ("Été.final.mov", "Summer"));
        assert_eq!(metadata.raw, raw);
    }

    #[test]
    fn a_file_without_a_title_is_called_by_its_name() {
        let called = |name: &str| Metadata::parse(&header(&[("filename", name)])).unwrap().title;
        assert_eq!(called("../../etc/passwd.mp4"), "passwd");
        assert_eq!(called(".mp4"), ".mp4");
        assert_eq!(called(" / "), "upload");
        assert_eq!(Metadata::parse("").unwrap().title, "upload");
        assert_eq!(called(&"x".repeat(900)).len(), 200);
    }

    #[test]
    fn what_is_no_metadata_is_refused() {
        for (raw, why) in [
            ("filename !!!", MetadataError::Malformed),
            ("filename YQ==,,title YQ==", MetadataError::Malformed),
            ("filename YQ==,filename Yg==", MetadataError::Repeated),
            ("filename /w==", MetadataError::NotText),
            (&"x".repeat(5_000), MetadataError::TooLong),
        ] {
            assert_eq!(Metadata::parse(raw), Err(why), "{raw:.40}");
        }
        assert!(Metadata::parse("is_confidential,filename YQ==").is_ok());
    }

    proptest! {
        #[test]
        fn whatever_is_said_the_title_obeys_its_rule(name in "\\PC{0,400}", title in "\\PC{0,400}") {
            if let Ok(metadata) = Metadata::parse(&header(&[("filename", &name), ("title", &title)])) {
                let characters = metadata.title.trim().chars().count();
                prop_assert!((1..=MAX_TITLE_CHARACTERS).contains(&characters));
                prop_assert!(!metadata.filename.contains(['/', '\\']));
            }
        }
    }
}
