//! What a source is: its length, picture and sound, read from ffprobe's JSON.

use std::time::Duration;

use serde::Deserialize;

use crate::ladder::FrameSize;

/// Frames a second, exact: 30000/1001 stays what it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct FrameRate {
    pub(crate) numerator: u32,
    pub(crate) denominator: u32,
}

impl FrameRate {
    /// As a number, for playlists and key frame distances.
    pub(crate) fn per_second(self) -> f64 {
        f64::from(self.numerator) / f64::from(self.denominator)
    }
}

/// The picture of a source.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Picture {
    /// The stream's index in the file.
    pub(crate) stream: u32,
    /// The size that a viewer sees: rotated, with square pixels.
    pub(crate) size: FrameSize,
    pub(crate) rate: FrameRate,
    pub(crate) interlaced: bool,
}

/// What a source is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Source {
    /// The length that the file claims; absent when it claims none, as browsers' recordings do.
    pub(crate) duration: Option<Duration>,
    pub(crate) picture: Option<Picture>,
    /// The index of the sound's stream.
    pub(crate) sound: Option<u32>,
}

/// The file has nothing to play.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(crate) enum ProbeError {
    #[error("ffprobe did not describe the file")]
    Unreadable,
    #[error("the file has neither picture nor sound")]
    NothingToPlay,
}

#[derive(Debug, Deserialize)]
struct Report {
    #[serde(default)]
    streams: Vec<Stream>,
    #[serde(default)]
    format: Format,
}

#[derive(Debug, Default, Deserialize)]
struct Format {
    duration: Option<String>,
}

#[derive(Debug, Deserialize)]
struct Stream {
    index: u32,
    codec_type: Option<String>,
    codec_name: Option<String>,
    #[serde(default)]
    width: u32,
    #[serde(default)]
    height: u32,
    sample_aspect_ratio: Option<String>,
    field_order: Option<String>,
    avg_frame_rate: Option<String>,
    r_frame_rate: Option<String>,
    channels: Option<u32>,
    #[serde(default)]
    disposition: Disposition,
    #[serde(default)]
    side_data_list: Vec<SideData>,
}

#[derive(Debug, Default, Deserialize)]
struct Disposition {
    #[serde(default)]
    attached_pic: u8,
    #[serde(default)]
    default: u8,
}

#[derive(Debug, Deserialize)]
struct SideData {
    rotation: Option<f64>,
}

/// Reads what `ffprobe -show_format -show_streams -print_format json` printed.
pub(crate) fn read(json: &[u8]) -> Result<Source, ProbeError> {
    let report: Report = serde_json::from_slice(json).map_err(|_| ProbeError::Unreadable)?;
    let picture = first(&report.streams, |stream| {
        stream.is("video") && stream.disposition.attached_pic == 0 && stream.width > 0 && stream.height > 0
    });
    let sound = first(&report.streams, |stream| stream.is("audio") && stream.channels.is_some_and(|count| count > 0));
    if picture.is_none() && sound.is_none() {
        return Err(ProbeError::NothingToPlay);
    }
    Ok(Source {
        duration: report.format.duration.as_deref().and_then(seconds),
        picture: picture.map(Stream::picture),
        sound: sound.map(|stream| stream.index),
    })
}

/// The stream that the file marks as its default one, else its first.
fn first(streams: &[Stream], wanted: impl Fn(&Stream) -> bool) -> Option<&Stream> {
    let matching = || streams.iter().filter(|stream| wanted(stream));
    matching().find(|stream| stream.disposition.default == 1).or_else(|| matching().next())
}

impl Stream {
    /// Whether it is of this kind and ffmpeg knows its codec.
    fn is(&self, kind: &str) -> bool {
        self.codec_type.as_deref() == Some(kind) && self.codec_name.as_deref().is_some_and(|name| name != "unknown")
    }

    fn picture(&self) -> Picture {
        Picture {
            stream: self.index,
            size: self.displayed_size(),
            rate: self.rate(),
            interlaced: matches!(self.field_order.as_deref(), Some("tt" | "bb" | "tb" | "bt")),
        }
    }

    fn displayed_size(&self) -> FrameSize {
        let (width, height) = match self.sample_aspect_ratio.as_deref().and_then(|text| ratio(text, ':')) {
            // Wide pixels stretch the width, tall ones the height: no detail is thrown away before scaling.
            Some((across, down)) if across > down => (stretched(self.width, across, down), self.height),
            Some((across, down)) => (self.width, stretched(self.height, down, across)),
            None => (self.width, self.height),
        };
        let quarter_turns = self.side_data_list.iter().find_map(|data| data.rotation).unwrap_or(0.0) / 90.0;
        let upright = (quarter_turns.round() % 2.0).abs() < f64::EPSILON;
        if upright { FrameSize { width, height } } else { FrameSize { width: height, height: width } }
    }

    /// The average rate where it is plausible, else the base rate, else 30; halved until it is at most 60, at least 10.
    fn rate(&self) -> FrameRate {
        let plausible = |text: Option<&String>| {
            let (numerator, denominator) = ratio(text?, '/')?;
            let rate = FrameRate { numerator, denominator };
            (1.0..=1_000.0).contains(&rate.per_second()).then_some(rate)
        };
        let mut rate = plausible(self.avg_frame_rate.as_ref())
            .or_else(|| plausible(self.r_frame_rate.as_ref()))
            .unwrap_or(FrameRate { numerator: 30, denominator: 1 });
        while rate.per_second() > 60.5 {
            rate.denominator *= 2;
        }
        if rate.per_second() < 10.0 { FrameRate { numerator: 10, denominator: 1 } } else { rate }
    }
}

fn stretched(side: u32, by: u32, over: u32) -> u32 {
    u32::try_from(u64::from(side) * u64::from(by) / u64::from(over)).unwrap_or(side)
}

/// Two positive numbers; ffprobe writes `0:1` and `0/0` for what it does not know.
fn ratio(text: &str, separator: char) -> Option<(u32, u32)> {
    let (left, right) = text.split_once(separator)?;
    let (left, right) = (left.parse().ok()?, right.parse().ok()?);
    (left > 0 && right > 0).then_some((left, right))
}

fn seconds(text: &str) -> Option<Duration> {
    let seconds: f64 = text.parse().ok()?;
    Duration::try_from_secs_f64(seconds).ok().filter(|duration| !duration.is_zero())
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn video(extra: &serde_json::Value) -> Source {
        let mut stream = json!({"index": 0, "codec_type": "video", "codec_name": "h264", "width": 640, "height": 360,
            "avg_frame_rate": "30000/1001", "r_frame_rate": "30/1"});
        for (key, value) in extra.as_object().unwrap() {
            stream[key] = value.clone();
        }
        read(json!({"streams": [stream], "format": {"duration": "3.5"}}).to_string().as_bytes()).unwrap()
    }

    #[test]
    fn a_plain_video_is_read_as_it_is() {
        let source = video(&json!({}));
        let picture = source.picture.unwrap();
        assert_eq!(source.duration, Some(Duration::from_millis(3_500)));
        assert_eq!(picture.size, FrameSize { width: 640, height: 360 });
        assert_eq!(picture.rate, FrameRate { numerator: 30_000, denominator: 1_001 });
        assert_eq!(source.sound, None);
    }

    #[test]
    fn a_rotated_video_stands_upright() {
        let size = |rotation: i32| video(&json!({"side_data_list": [{"rotation": rotation}]})).picture.unwrap().size;
        assert_eq!(size(-90), FrameSize { width: 360, height: 640 });
        assert_eq!(size(180), FrameSize { width: 640, height: 360 });
    }

    #[test]
    fn anamorphic_pixels_become_square() {
        let picture = video(&json!({"width": 720, "height": 576, "sample_aspect_ratio": "64:45"})).picture.unwrap();
        assert_eq!(picture.size, FrameSize { width: 1024, height: 576 });
    }

    #[test]
    fn implausible_frame_rates_are_mended() {
        let rate = |text: &str| video(&json!({"avg_frame_rate": text})).picture.unwrap().rate.per_second();
        assert!((rate("240/1") - 60.0).abs() < 0.01);
        assert!((rate("0/0") - 30.0).abs() < 0.01);
        assert!((rate("2/1") - 10.0).abs() < 0.01);
    }

    #[test]
    fn cover_art_is_no_picture_and_subtitles_are_nothing_to_play() {
        let cover = json!({"index": 1, "codec_type": "video", "codec_name": "mjpeg", "width": 500, "height": 500,
            "disposition": {"attached_pic": 1}});
        let sound = json!({"index": 0, "codec_type": "audio", "codec_name": "mp3", "channels": 2});
        let song = read(json!({"streams": [sound, cover.clone()]}).to_string().as_bytes()).unwrap();
        assert_eq!((song.picture, song.sound, song.duration), (None, Some(0), None));
        let text = json!({"index": 0, "codec_type": "subtitle", "codec_name": "mov_text"});
        let nothing = read(json!({"streams": [text, cover]}).to_string().as_bytes());
        assert_eq!(nothing, Err(ProbeError::NothingToPlay));
        assert_eq!(read(b"{"), Err(ProbeError::Unreadable));
    }
}
