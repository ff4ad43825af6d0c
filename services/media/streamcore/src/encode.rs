//! What ffmpeg is told: one run encodes every rendition and the sound, cut into CMAF segments at the same instants.

use std::ffi::OsString;
use std::path::Path;

use crate::ladder::Rung;
use crate::probe::{Picture, Source};

/// Seconds between key frames; every rendition has them at the same frames, so that a player switches at any of them.
const GOP_SECONDS: f64 = 2.0;
/// Seconds of a segment: two groups of pictures.
const SEGMENT_SECONDS: &str = "4";
/// The folder of the sound's rendition.
pub(crate) const SOUND: &str = "audio";
/// The sound's bit rate.
const SOUND_BITRATE: &str = "128k";
/// The containers that are read. Playlists and scripts, which name other files, are not among them: an upload must never
/// make ffmpeg open anything else on this machine or on the network.
const CONTAINERS: &str = "mov,matroska,webm,avi,mpeg,mpegts,mpegvideo,flv,asf,mxf,ogg,mp3,aac,wav,w64,flac,aiff,caf";

/// The arguments that make either program open this file, and only files.
pub(crate) fn input(source: &Path) -> Vec<OsString> {
    let mut url = OsString::from("file:");
    url.push(source);
    let mut arguments = texts(&["-format_whitelist", CONTAINERS, "-protocol_whitelist", "file", "-i"]);
    arguments.push(url);
    arguments
}

/// The arguments of ffprobe that describe a file as JSON.
pub(crate) fn describe(source: &Path) -> Vec<OsString> {
    let mut arguments =
        texts(&["-hide_banner", "-v", "error", "-show_format", "-show_streams", "-print_format", "json"]);
    arguments.extend(input(source));
    arguments
}

/// The arguments of ffmpeg that make all renditions below `output`.
pub(crate) fn renditions(file: &Path, source: &Source, rungs: &[Rung], output: &Path) -> Vec<OsString> {
    let mut arguments = texts(&["-hide_banner", "-nostdin", "-nostats", "-y", "-v", "error", "-progress", "pipe:1"]);
    arguments.extend(input(file));
    if let Some(picture) = &source.picture {
        arguments.extend(texts(&["-filter_complex", &filters(picture, rungs)]));
        for (index, rung) in rungs.iter().enumerate() {
            arguments.extend(texts(&["-map", &format!("[v{index}]")]));
            arguments.extend(video(rung, picture));
            arguments.extend(packaging(&output.join(rung.name())));
        }
    }
    if let Some(stream) = source.sound {
        arguments.extend(texts(&["-map", &format!("0:{stream}"), "-c:a", "aac", "-profile:a", "aac_low"]));
        arguments.extend(texts(&["-b:a", SOUND_BITRATE, "-ac", "2"]));
        // Silence fills gaps and a late start, so that the sound stays with the picture.
        arguments.extend(texts(&["-af", "aresample=48000:async=1:first_pts=0"]));
        arguments.extend(packaging(&output.join(SOUND)));
    }
    arguments
}

/// One decode, one constant frame rate, then a scaled branch for each rung. ffmpeg itself turns rotated sources upright.
fn filters(picture: &Picture, rungs: &[Rung]) -> String {
    let deinterlace = if picture.interlaced { "yadif=deint=interlaced," } else { "" };
    let (rate, count) = (picture.rate, rungs.len());
    let decode = format!(
        "[0:{}]{deinterlace}fps=fps={}/{}:start_time=0,split={count}",
        picture.stream, rate.numerator, rate.denominator
    );
    let outputs = (0..count).map(|index| format!("[s{index}]"));
    let branches = rungs.iter().enumerate().map(|(index, Rung { size, .. })| {
        format!(";[s{index}]scale={}:{}:flags=bicubic,setsar=1,format=yuv420p[v{index}]", size.width, size.height)
    });
    std::iter::once(decode).chain(outputs).chain(branches).collect()
}

fn video(rung: &Rung, picture: &Picture) -> Vec<OsString> {
    let most = format!("{}k", rung.max_bitrate_kbps);
    let buffer = format!("{}k", rung.max_bitrate_kbps * 2);
    let group = format!("{:.0}", (picture.rate.per_second() * GOP_SECONDS).ceil());
    let key_frames = format!("expr:gte(t,n_forced*{GOP_SECONDS})");
    texts(&[
        "-c:v",
        "libx264",
        "-preset",
        "veryfast",
        "-profile:v",
        "high",
        "-crf",
        "22",
        "-maxrate",
        &most,
        "-bufsize",
        &buffer,
        "-g",
        &group,
        "-sc_threshold",
        "0",
        "-flags",
        "+cgop",
        "-force_key_frames",
        &key_frames,
    ])
}

/// HLS version 7 with fragmented MP4 segments (RFC 8216 section 3.3). Time stamps stay as encoded, so that the delay of one
/// encoder does not shift its track against the other's.
fn packaging(folder: &Path) -> Vec<OsString> {
    let mut arguments = texts(&[
        "-map_metadata",
        "-1",
        "-avoid_negative_ts",
        "disabled",
        "-f",
        "hls",
        "-hls_segment_type",
        "fmp4",
        "-hls_playlist_type",
        "vod",
        "-hls_time",
        SEGMENT_SECONDS,
        "-hls_flags",
        "independent_segments",
        "-hls_fmp4_init_filename",
        "init.mp4",
        "-hls_segment_filename",
    ]);
    arguments.push(folder.join("%05d.m4s").into_os_string());
    arguments.push(folder.join("index.m3u8").into_os_string());
    arguments
}

/// Makes ffmpeg's argument list from texts.
pub(crate) fn texts(arguments: &[&str]) -> Vec<OsString> {
    arguments.iter().map(OsString::from).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ladder::{FrameSize, ladder};
    use crate::probe::FrameRate;

    fn line(source: &Source) -> String {
        let rungs = source.picture.as_ref().map(|picture| ladder(picture.size)).unwrap_or_default();
        let arguments = renditions(Path::new("in"), source, &rungs, Path::new("out"));
        arguments.iter().map(|text| text.to_string_lossy()).collect::<Vec<_>>().join(" ")
    }

    fn picture(interlaced: bool) -> Picture {
        Picture {
            stream: 1,
            size: FrameSize { width: 640, height: 360 },
            rate: FrameRate { numerator: 30_000, denominator: 1_001 },
            interlaced,
        }
    }

    #[test]
    fn every_rung_has_its_own_branch_and_the_same_key_frames() {
        let line = line(&Source { duration: None, picture: Some(picture(false)), sound: Some(0) });
        assert!(line.contains("[0:1]fps=fps=30000/1001:start_time=0,split=2[s0][s1];[s0]scale=640:360"), "{line}");
        assert_eq!(line.matches("-g 60 ").count(), 2);
        assert_eq!(line.matches("expr:gte(t,n_forced*2)").count(), 2);
        assert!(line.contains("-map 0:0 -c:a aac") && line.contains("out/audio/index.m3u8"), "{line}");
    }

    #[test]
    fn only_what_is_there_is_encoded() {
        let silent = line(&Source { duration: None, picture: Some(picture(true)), sound: None });
        assert!(silent.contains("yadif") && !silent.contains("aac "), "{silent}");
        let song = line(&Source { duration: None, picture: None, sound: Some(0) });
        assert!(!song.contains("libx264") && !song.contains("filter_complex"), "{song}");
    }

    #[test]
    fn a_source_can_only_be_a_media_file_on_this_machine() {
        let line = line(&Source { duration: None, picture: None, sound: Some(0) });
        assert!(line.contains("-protocol_whitelist file -i file:in"), "{line}");
        assert!(!CONTAINERS.split(',').any(|name| ["hls", "concat", "dash"].contains(&name)));
    }
}
