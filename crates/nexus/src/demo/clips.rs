//! The demo's clips: moving pictures and sound that ffmpeg makes from nothing.

use std::path::{Path, PathBuf};
use std::process::Stdio;

use anyhow::{Context, bail};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use tokio::process::Command;

/// A clip and where it belongs.
pub(super) struct Clip {
    file: &'static str,
    pub(super) title: &'static str,
    pub(super) description: &'static str,
    pub(super) visibility: &'static str,
    pub(super) published: bool,
    seconds: u32,
    /// Sources in ffmpeg's filter language.
    picture: &'static str,
    sound: &'static str,
}

pub(super) const CLIPS: [Clip; 3] = [
    Clip {
        file: "harbour-lights.mp4",
        title: "Harbour Lights (teaser)",
        description: "Colour and sound study for the opening scene. Free for everybody.",
        visibility: "public",
        published: true,
        seconds: 8,
        picture: "gradients=size=1280x720:rate=25:speed=0.02:n=4:c0=#0b1d3a:c1=#1f4e79:c2=#f2a65a:c3=#7a2e4d:x0=0:y0=0:x1=1279:y1=719",
        sound: "aevalsrc=0.2*sin(2*PI*220*t)*(0.6+0.4*sin(2*PI*0.5*t))+0.1*sin(2*PI*330*t)+0.1*sin(2*PI*440*t)*mod(t\\,1):s=48000",
    },
    Clip {
        file: "into-the-lens.mp4",
        title: "Into the Lens (members' cut)",
        description: "The long zoom of scene four, for everybody who is signed in.",
        visibility: "members",
        published: true,
        seconds: 6,
        picture: "mandelbrot=size=854x480:rate=25:end_scale=0.1:end_pts=150,hue=h=120:s=0.6",
        sound: "aevalsrc=0.25*sin(2*PI*(110+30*t)*t):s=48000",
    },
    Clip {
        file: "tide-patterns.mp4",
        title: "Tide Patterns (rough cut)",
        description: "Not released yet: sound and grading are still to be done.",
        visibility: "private",
        published: false,
        seconds: 6,
        picture: "life=size=214x120:rate=25:mold=25:ratio=0.15:life_color=#9fd8ff:death_color=#1b3a5c:mold_color=#0b1622:seed=3,\
                  scale=856:480:flags=neighbor",
        sound: "anoisesrc=color=pink:amplitude=0.2:sample_rate=48000:seed=5",
    },
];

impl Clip {
    /// `Upload-Metadata` of tus 1.0.0: names, and values in base64.
    pub(super) fn upload_metadata(&self) -> String {
        [("filename", self.file), ("filetype", "video/mp4"), ("title", self.title)]
            .map(|(name, value)| format!("{name} {}", STANDARD.encode(value)))
            .join(",")
    }

    /// Makes the file.
    pub(super) async fn render(&self, ffmpeg: &Path, folder: &Path) -> anyhow::Result<PathBuf> {
        let file = folder.join(self.file);
        let seconds = self.seconds.to_string();
        let mut command = Command::new(ffmpeg);
        command.args(["-hide_banner", "-loglevel", "error", "-nostdin", "-y"]);
        command.args(["-f", "lavfi", "-i", self.picture, "-f", "lavfi", "-i", self.sound, "-t", &seconds]);
        command.args([
            "-c:v",
            "libx264",
            "-preset",
            "veryfast",
            "-pix_fmt",
            "yuv420p",
            "-c:a",
            "aac",
            "-movflags",
            "+faststart",
        ]);
        command.arg(&file).stdin(Stdio::null()).kill_on_drop(true);
        let output = command.output().await.with_context(|| {
            format!(
                "{} does not run; `nexus doctor` says how to get it, and `nexus up` then plays what you upload",
                ffmpeg.display()
            )
        })?;
        if !output.status.success() {
            bail!("ffmpeg made no {}: {}", self.file, String::from_utf8_lossy(&output.stderr).trim());
        }
        Ok(file)
    }
}
