//! Still pictures: a poster and a few thumbnails, taken from the best rendition, that is upright, square and known to decode.

use std::ffi::OsString;
use std::path::{Path, PathBuf};

use crate::encode::{SOUND, texts};
use crate::package::Segment;

/// How many thumbnails an item gets, spread evenly over its length.
const THUMBNAILS: u32 = 4;
/// A thumbnail's width in pixels, unless the picture is narrower.
const THUMBNAIL_SCALE: &str = ",scale=w=min(320\\,iw):h=-2";
/// The picture of a sound: its loudness over time.
const WAVEFORM: &str = "aformat=channel_layouts=mono,showwavespic=s=1280x720:colors=#4dabf7";

/// One still of a film: the frame to take, and where it goes below the output folder.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Still {
    /// The segment that has the frame.
    pub(crate) segment: String,
    pub(crate) file: PathBuf,
    filter: String,
}

impl Still {
    /// The arguments that take it from a file made of the initialisation segment and its own segment.
    pub(crate) fn arguments(&self, input: &Path, output: &Path) -> Vec<OsString> {
        take(input, &self.filter, &output.join(&self.file))
    }
}

/// The stills of a film: the poster a tenth into it, the thumbnails spread over it.
pub(crate) fn of_picture(segments: &[Segment]) -> Vec<Still> {
    let length: f64 = segments.iter().map(|segment| segment.seconds).sum();
    let poster = still(segments, length * 0.1, "", PathBuf::from("poster.jpg"));
    let thumbnails = (1..=THUMBNAILS).filter_map(|number| {
        let share = (f64::from(number) - 0.5) / f64::from(THUMBNAILS);
        let file = Path::new("thumbs").join(format!("{number}.jpg"));
        still(segments, length * share, THUMBNAIL_SCALE, file)
    });
    poster.into_iter().chain(thumbnails).collect()
}

/// The arguments that draw a sound's poster.
pub(crate) fn of_sound(output: &Path) -> Vec<OsString> {
    take(&output.join(SOUND).join("index.m3u8"), WAVEFORM, &output.join("poster.jpg"))
}

fn still(segments: &[Segment], at: f64, scale: &str, file: PathBuf) -> Option<Still> {
    let mut start = 0.0;
    let segment = segments.iter().find(|segment| {
        let found = at < start + segment.seconds;
        start += if found { 0.0 } else { segment.seconds };
        found
    })?;
    // The last tenth of a segment may lie after its last frame's time.
    let offset = (at - start).min(segment.seconds * 0.9);
    let filter = format!("setpts=PTS-STARTPTS,select=gte(t\\,{offset:.3}){scale}");
    Some(Still { segment: segment.name.clone(), file, filter })
}

fn take(input: &Path, filter: &str, file: &Path) -> Vec<OsString> {
    let mut arguments = texts(&["-hide_banner", "-nostdin", "-nostats", "-y", "-v", "error", "-i"]);
    arguments.push(input.as_os_str().to_owned());
    arguments.extend(texts(&["-filter_complex", filter, "-frames:v", "1", "-q:v", "3"]));
    arguments.push(file.as_os_str().to_owned());
    arguments
}

#[cfg(test)]
mod tests {
    use super::*;

    fn segment(name: &str, seconds: f64) -> Segment {
        Segment { name: name.to_owned(), seconds, bytes: 1 }
    }

    #[test]
    fn stills_lie_inside_the_film() {
        let segments: Vec<Segment> = (0..10).map(|number| segment(&number.to_string(), 4.0)).collect();
        let stills = of_picture(&segments);
        let places: Vec<_> = stills.iter().map(|still| still.segment.as_str()).collect();
        assert_eq!(places, ["1", "1", "3", "6", "8"]);
        assert!(stills[0].filter.contains("gte(t\\,0.000)") && stills[1].filter.contains("gte(t\\,1.000)"));
    }

    #[test]
    fn a_film_of_one_segment_still_has_different_stills() {
        let stills = of_picture(&[segment("0", 2.0)]);
        assert_eq!(stills.len(), 5);
        assert_ne!(stills[1].filter, stills[4].filter);
        assert!(of_picture(&[]).is_empty());
    }
}
