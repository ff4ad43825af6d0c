//! Why a job ended without a result: whom to blame, and what to tell the person who uploaded the file.

use std::path::Path;
use std::time::Duration;

use nexus_kernel::blobs::BlobError;

use crate::job::Blame;
use crate::probe::Source;
use crate::process::ProcessError;

/// How much of a source may be missing at its end when ffmpeg says that the file was cut off: cameras drop a last frame.
const MISSING_TOLERATED: Duration = Duration::from_millis(100);
/// The longest reason that is shown, in characters.
const MAX_REASON: usize = 300;

/// Why a job ended without a result.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Failure {
    pub(crate) blame: Blame,
    /// For the person who uploaded the file: no path, no jargon where it can be avoided.
    pub(crate) reason: String,
}

impl Failure {
    /// The file is to blame.
    pub(crate) fn input(reason: impl Into<String>) -> Self {
        Self { blame: Blame::Input, reason: reason.into() }
    }

    fn machine(reason: impl Into<String>) -> Self {
        Self { blame: Blame::Machine, reason: reason.into() }
    }

    /// What a failed run of ffmpeg or ffprobe over `file` means.
    pub(crate) fn of(error: ProcessError, file: &Path) -> Self {
        match error {
            ProcessError::Failed { complaints } => of_complaints(&complaints, file),
            ProcessError::TimedOut(limit) => {
                Self::machine(format!("transcoding took longer than {} minutes and was stopped", limit.as_secs() / 60))
            }
            other => {
                tracing::warn!(%other, "the transcoder did not run to its end");
                Self::machine("the transcoder was stopped by the system")
            }
        }
    }

    /// ffmpeg ended well and a rendition is not there.
    pub(crate) fn no_output(error: std::io::Error) -> Self {
        if error.kind() == std::io::ErrorKind::NotFound {
            return Self::input("nothing in the file could be decoded; it is damaged");
        }
        Self::from(error)
    }

    /// ffmpeg ends well on a file that was cut off, having made what there was. Such a file must not pass for the whole.
    pub(crate) fn if_cut_off(source: &Source, reached: Duration, complaints: &str) -> Result<(), Self> {
        let Some(claimed) = source.duration else { return Ok(()) };
        let missing = claimed.saturating_sub(reached);
        let says_so = complaints.contains("partial file") || complaints.contains("File ended prematurely");
        // Without a complaint only a film that lacks most of itself is suspicious: some files state wrong lengths.
        let most_is_missing = source.picture.is_some() && reached < claimed / 2;
        if (says_so && missing > MISSING_TOLERATED) || most_is_missing {
            return Err(Self::input(format!(
                "the file is incomplete: it says that it lasts {:.1} s and ends after {:.1} s; upload it again",
                claimed.as_secs_f64(),
                reached.as_secs_f64()
            )));
        }
        Ok(())
    }
}

impl From<std::io::Error> for Failure {
    fn from(error: std::io::Error) -> Self {
        tracing::warn!(%error, "a transcode could not read or write");
        Self::machine("the machine could not read or write the file; its disk may be full")
    }
}

impl From<BlobError> for Failure {
    fn from(error: BlobError) -> Self {
        tracing::warn!(%error, "a transcode could not reach the blob store");
        Self::machine("the file store did not work")
    }
}

fn of_complaints(complaints: &str, file: &Path) -> Failure {
    if ["No space left on device", "Cannot allocate memory"].iter().any(|sign| complaints.contains(sign)) {
        return Failure::machine("the machine ran out of disk or memory");
    }
    if complaints.contains("moov atom not found") {
        return Failure::input(
            "the file is incomplete: its index (moov atom) is missing, so it was cut off; upload it again",
        );
    }
    if complaints.contains("Invalid data found when processing input") {
        return Failure::input("the file is damaged, or it is not a media file");
    }
    Failure::input(match last_line(complaints, file) {
        Some(line) => format!("the file can't be transcoded: {line}"),
        None => "the file can't be transcoded".to_owned(),
    })
}

/// The last thing that the program said, without addresses of its memory and without places on this machine.
fn last_line(complaints: &str, file: &Path) -> Option<String> {
    let line = complaints.lines().rev().map(str::trim).find(|line| !line.is_empty())?;
    let line = match line.split_once("] ") {
        Some((prefix, rest)) if prefix.starts_with('[') => rest,
        _ => line,
    };
    let mut text = line.replace("file:", "").replace(&*file.to_string_lossy(), "the file");
    if let Some(folder) = file.parent() {
        text = text.replace(&*folder.to_string_lossy(), "");
    }
    Some(text.chars().take(MAX_REASON).collect())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ladder::FrameSize;
    use crate::probe::{FrameRate, Picture};

    fn film(seconds: u64) -> Source {
        let picture = Picture {
            stream: 0,
            size: FrameSize { width: 2, height: 2 },
            rate: FrameRate { numerator: 30, denominator: 1 },
            interlaced: false,
        };
        Source { duration: Some(Duration::from_secs(seconds)), picture: Some(picture), sound: None }
    }

    fn reason(complaints: &str) -> Failure {
        of_complaints(complaints, Path::new("/srv/data/blobs/uploads/1"))
    }

    #[test]
    fn a_file_that_ends_early_is_named_with_both_lengths() {
        let cut = "[mov @ 0x1] stream 1, offset 0x4046b: partial file";
        let failure = Failure::if_cut_off(&film(4), Duration::from_millis(2_400), cut).unwrap_err();
        assert_eq!(failure.blame, Blame::Input);
        assert!(failure.reason.contains("4.0 s") && failure.reason.contains("2.4 s"), "{}", failure.reason);
    }

    #[test]
    fn a_whole_file_and_one_without_a_length_pass() {
        assert_eq!(Failure::if_cut_off(&film(4), Duration::from_millis(3_960), "File ended prematurely"), Ok(()));
        assert_eq!(Failure::if_cut_off(&film(4), Duration::from_secs(3), ""), Ok(()));
        assert_eq!(Failure::if_cut_off(&Source { duration: None, ..film(1) }, Duration::ZERO, "partial file"), Ok(()));
        assert!(Failure::if_cut_off(&film(4), Duration::from_secs(1), "").is_err());
    }

    #[test]
    fn the_machine_is_blamed_for_what_is_its_fault() {
        assert_eq!(reason("av_interleaved_write_frame(): No space left on device").blame, Blame::Machine);
        assert_eq!(reason("[mov @ 0x5] moov atom not found\n").blame, Blame::Input);
    }

    #[test]
    fn no_place_on_the_machine_is_told() {
        let failure = reason("noise\n[h264 @ 0x55] file:/srv/data/blobs/uploads/1: Something odd\n\n");
        assert_eq!(failure.reason, "the file can't be transcoded: the file: Something odd");
    }
}
