//! Small films, made by ffmpeg on the spot: a moving test picture and a tone.

use std::path::Path;

use bytes::Bytes;
use tokio::process::Command;

/// What a film is made of.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Format {
    /// H.264 and AAC in MP4, with its index at the end.
    Mp4,
    /// VP9 and Opus in `WebM`.
    Webm,
    /// MPEG-2 and PCM in `QuickTime`.
    Mov,
    /// A tone alone, as MP3.
    Mp3,
}

impl Format {
    fn arguments(self) -> (&'static str, &'static str) {
        match self {
            Self::Mp4 => ("film.mp4", "-c:v libx264 -preset ultrafast -pix_fmt yuv420p -c:a aac"),
            Self::Webm => ("film.webm", "-c:v libvpx-vp9 -deadline realtime -cpu-used 8 -c:a libopus"),
            Self::Mov => ("film.mov", "-c:v mpeg2video -q:v 4 -c:a pcm_s16le"),
            Self::Mp3 => ("tone.mp3", "-vn -c:a libmp3lame"),
        }
    }
}

/// A film of this size and length in seconds.
pub(crate) async fn film(format: Format, size: &str, seconds: u32) -> Bytes {
    let folder = tempfile::tempdir().unwrap();
    let (name, codecs) = format.arguments();
    let file = folder.path().join(name);
    let picture = format!("testsrc2=size={size}:rate=25:duration={seconds}");
    let sound = format!("sine=frequency=440:beep_factor=4:duration={seconds}");
    let done = Command::new("ffmpeg")
        .args([
            "-nostdin",
            "-hide_banner",
            "-loglevel",
            "error",
            "-y",
            "-f",
            "lavfi",
            "-i",
            &picture,
            "-f",
            "lavfi",
            "-i",
            &sound,
        ])
        .args(codecs.split(' '))
        .arg("-shortest")
        .arg(&file)
        .status()
        .await
        .expect("ffmpeg is installed; `make test` installs it");
    assert!(done.success());
    std::fs::read(file).unwrap().into()
}

/// What ffprobe says about a file, as JSON; an error of ffprobe fails the test.
pub(crate) async fn probe(file: &Path) -> serde_json::Value {
    let output = Command::new("ffprobe")
        .args(["-v", "error", "-show_streams", "-show_format", "-print_format", "json"])
        .arg(file)
        .output()
        .await
        .unwrap();
    assert!(output.status.success(), "{}: {}", file.display(), String::from_utf8_lossy(&output.stderr));
    assert_eq!(String::from_utf8_lossy(&output.stderr), "", "{}", file.display());
    serde_json::from_slice(&output.stdout).unwrap()
}

/// Decodes a playlist to its end; any complaint fails the test.
pub(crate) async fn decode(playlist: &Path) {
    let output = Command::new("ffmpeg")
        .args(["-nostdin", "-hide_banner", "-v", "error", "-xerror", "-i"])
        .arg(playlist)
        .args(["-map", "0", "-f", "null", "-"])
        .output()
        .await
        .unwrap();
    let complaints = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success() && complaints.is_empty(), "{}: {complaints}", playlist.display());
}
