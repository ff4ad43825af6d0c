//! The multivariant playlist (RFC 8216 section 4.3.4), with rates measured on what was really made.

use std::io;
use std::path::Path;
use std::time::Duration;

use crate::encode::SOUND;
use crate::ladder::Rung;
use crate::probe::FrameRate;

/// The codec string of AAC-LC (RFC 6381 section 3.3), that every sound rendition is.
const SOUND_CODEC: &str = "mp4a.40.2";

/// A segment of a rendition.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Segment {
    /// Its file below the rendition's folder.
    pub(crate) name: String,
    pub(crate) seconds: f64,
    pub(crate) bytes: u64,
}

/// One rendition as it lies on disk.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Track {
    pub(crate) segments: Vec<Segment>,
    pub(crate) duration: Duration,
    /// Bits a second of the most expensive stretch (RFC 8216 section 4.1).
    peak: u64,
    average: u64,
    /// The codec string of a picture track (RFC 6381 section 3.3).
    codec: Option<String>,
}

impl Track {
    /// Measures the rendition in a folder that ffmpeg filled.
    pub(crate) async fn measure(folder: &Path) -> io::Result<Self> {
        let playlist = tokio::fs::read_to_string(folder.join("index.m3u8")).await?;
        let mut segments = Vec::new();
        for (seconds, name) in entries(&playlist) {
            let bytes = tokio::fs::metadata(folder.join(name)).await?.len();
            segments.push(Segment { name: name.to_owned(), seconds, bytes });
        }
        let codec = avc_codec(&tokio::fs::read(folder.join("init.mp4")).await?);
        let seconds = segments.iter().map(|segment| segment.seconds).sum();
        Ok(Self {
            duration: Duration::try_from_secs_f64(seconds).unwrap_or_default(),
            peak: peak(&segments, target(&playlist)),
            average: rate(&segments),
            codec,
            segments,
        })
    }
}

/// Durations and names of a media playlist's segments.
fn entries(playlist: &str) -> impl Iterator<Item = (f64, &str)> {
    let mut seconds = None;
    playlist.lines().filter_map(move |line| {
        if let Some(information) = line.strip_prefix("#EXTINF:") {
            seconds = information.split(',').next().and_then(|text| text.parse().ok());
            return None;
        }
        let name = line.trim();
        if name.is_empty() || name.starts_with('#') { None } else { seconds.take().map(|seconds| (seconds, name)) }
    })
}

fn target(playlist: &str) -> f64 {
    let tag = "#EXT-X-TARGETDURATION:";
    playlist.lines().find_map(|line| line.strip_prefix(tag)?.trim().parse().ok()).unwrap_or(4.0)
}

#[expect(
    clippy::cast_precision_loss,
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "bits a second"
)]
fn rate(segments: &[Segment]) -> u64 {
    let seconds: f64 = segments.iter().map(|segment| segment.seconds).sum();
    let bytes: u64 = segments.iter().map(|segment| segment.bytes).sum();
    if seconds > 0.0 { (bytes as f64 * 8.0 / seconds).ceil() as u64 } else { 0 }
}

/// The largest rate of any contiguous segments that last 0.5 to 1.5 target durations together; a short last segment alone does
/// not count (RFC 8216 section 4.1).
fn peak(segments: &[Segment], target: f64) -> u64 {
    let mut highest = 0;
    for start in 0..segments.len() {
        for end in start + 1..=segments.len() {
            let stretch = &segments[start..end];
            let seconds: f64 = stretch.iter().map(|segment| segment.seconds).sum();
            if seconds > target * 1.5 {
                break;
            }
            if seconds >= target * 0.5 {
                highest = highest.max(rate(stretch));
            }
        }
    }
    highest.max(rate(segments))
}

/// `avc1.PPCCLL` from the `avcC` box of an initialisation segment (ISO/IEC 14496-15 section 5.3.3).
fn avc_codec(init: &[u8]) -> Option<String> {
    let at = init.windows(4).position(|name| name == b"avcC")?;
    let [_, profile, constraints, level] = *init.get(at + 4..at + 8)?.first_chunk::<4>()?;
    Some(format!("avc1.{profile:02x}{constraints:02x}{level:02x}"))
}

/// The playlist that a player opens: best rendition first, the sound as a group of its own.
pub(crate) fn master(pictures: &[(Rung, Track)], rate: Option<FrameRate>, sound: Option<&Track>) -> String {
    let head = "#EXTM3U\n#EXT-X-VERSION:7\n#EXT-X-INDEPENDENT-SEGMENTS\n".to_owned();
    let group = sound.map(|sound| match pictures {
        [] => format!(
            "#EXT-X-STREAM-INF:BANDWIDTH={},AVERAGE-BANDWIDTH={},CODECS=\"{SOUND_CODEC}\"\n{SOUND}/index.m3u8\n",
            sound.peak, sound.average
        ),
        _ => format!(
            "#EXT-X-MEDIA:TYPE=AUDIO,GROUP-ID=\"{SOUND}\",NAME=\"Sound\",DEFAULT=YES,AUTOSELECT=YES,CHANNELS=\"2\",\
             URI=\"{SOUND}/index.m3u8\"\n"
        ),
    });
    let variants = pictures.iter().map(|(rung, track)| variant(rung, track, rate, sound));
    std::iter::once(head).chain(group).chain(variants).collect()
}

fn variant(rung: &Rung, track: &Track, rate: Option<FrameRate>, sound: Option<&Track>) -> String {
    let (peak, average) = sound.map_or((0, 0), |sound| (sound.peak, sound.average));
    let codecs: Vec<&str> = track.codec.as_deref().into_iter().chain(sound.map(|_| SOUND_CODEC)).collect();
    let frame_rate = rate.map(|rate| format!(",FRAME-RATE={:.3}", rate.per_second())).unwrap_or_default();
    let group = sound.map(|_| format!(",AUDIO=\"{SOUND}\"")).unwrap_or_default();
    format!(
        "#EXT-X-STREAM-INF:BANDWIDTH={},AVERAGE-BANDWIDTH={},RESOLUTION={}x{}{frame_rate}{group},CODECS=\"{}\"\n\
         {}/index.m3u8\n",
        track.peak + peak,
        track.average + average,
        rung.size.width,
        rung.size.height,
        codecs.join(","),
        rung.name()
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ladder::FrameSize;

    const PLAYLIST: &str = "#EXTM3U\n#EXT-X-TARGETDURATION:4\n#EXT-X-MAP:URI=\"init.mp4\"\n#EXTINF:4.000000,\n00000.m4s\n\
                            #EXTINF:1.500000,\n00001.m4s\n#EXT-X-ENDLIST\n";

    fn track(codec: Option<&str>) -> Track {
        Track {
            segments: Vec::new(),
            duration: Duration::from_secs(4),
            peak: 900_000,
            average: 700_000,
            codec: codec.map(str::to_owned),
        }
    }

    #[test]
    fn a_media_playlist_is_read() {
        let found: Vec<_> = entries(PLAYLIST).collect();
        assert_eq!(found, [(4.0, "00000.m4s"), (1.5, "00001.m4s")]);
        assert!((target(PLAYLIST) - 4.0).abs() < f64::EPSILON);
    }

    #[test]
    fn the_peak_ignores_a_short_last_segment() {
        let segment = |seconds, bytes| Segment { name: String::new(), seconds, bytes };
        let segments = [segment(4.0, 500_000), segment(0.1, 100_000)];
        assert_eq!(rate(&segments[..1]), 1_000_000);
        assert_eq!(peak(&segments, 4.0), rate(&segments));
        assert_eq!(peak(&[], 4.0), 0);
    }

    #[test]
    fn the_codec_is_read_from_the_init_segment() {
        let init = [b"....avcC".as_slice(), &[1, 0x64, 0x00, 0x1e, 0xff]].concat();
        assert_eq!(avc_codec(&init).as_deref(), Some("avc1.64001e"));
        assert_eq!(avc_codec(b"....avcC"), None);
        assert_eq!(avc_codec(b""), None);
    }

    #[test]
    fn picture_and_sound_are_separate_renditions() {
        let rung = Rung { size: FrameSize { width: 640, height: 360 }, max_bitrate_kbps: 800 };
        let rate = FrameRate { numerator: 30_000, denominator: 1_001 };
        let text = master(&[(rung, track(Some("avc1.64001e")))], Some(rate), Some(&track(None)));
        assert_eq!(
            text,
            "#EXTM3U\n#EXT-X-VERSION:7\n#EXT-X-INDEPENDENT-SEGMENTS\n\
             #EXT-X-MEDIA:TYPE=AUDIO,GROUP-ID=\"audio\",NAME=\"Sound\",DEFAULT=YES,AUTOSELECT=YES,CHANNELS=\"2\",\
             URI=\"audio/index.m3u8\"\n\
             #EXT-X-STREAM-INF:BANDWIDTH=1800000,AVERAGE-BANDWIDTH=1400000,RESOLUTION=640x360,FRAME-RATE=29.970,\
             AUDIO=\"audio\",CODECS=\"avc1.64001e,mp4a.40.2\"\n360p/index.m3u8\n"
        );
    }

    #[test]
    fn a_song_has_one_variant_and_a_silent_film_no_sound() {
        assert!(master(&[], None, Some(&track(None))).ends_with("CODECS=\"mp4a.40.2\"\naudio/index.m3u8\n"));
        let rung = Rung { size: FrameSize { width: 426, height: 240 }, max_bitrate_kbps: 400 };
        let silent = master(&[(rung, track(Some("avc1.640015")))], None, None);
        assert!(!silent.contains("audio") && silent.contains("CODECS=\"avc1.640015\""), "{silent}");
    }
}
