//! Whether ffmpeg and ffprobe are there and can do what the ladder needs.

use std::path::Path;
use std::time::{Duration, Instant};

use nexus_kernel::Context;
use tokio::sync::Mutex;

use crate::encode::texts;
use crate::process;

/// How long an answer is believed.
const BELIEVED: Duration = Duration::from_secs(30);
/// How long either program may take to name its encoders.
const LIMIT: Duration = Duration::from_secs(20);

/// Remembers for a while whether the programs work.
#[derive(Debug, Default)]
pub(crate) struct Tools {
    checked: Mutex<Option<(Instant, Result<(), String>)>>,
}

impl Tools {
    /// Whether transcoding is possible; the error says what is missing and how to get it.
    pub(crate) async fn check(&self, ctx: &Context) -> Result<(), String> {
        let mut checked = self.checked.lock().await;
        if let Some((at, result)) = checked.as_ref()
            && at.elapsed() < BELIEVED
        {
            return result.clone();
        }
        let result = examine(&ctx.config.media.ffmpeg, &ctx.config.media.ffprobe).await;
        *checked = Some((Instant::now(), result.clone()));
        result
    }
}

async fn examine(ffmpeg: &Path, ffprobe: &Path) -> Result<(), String> {
    let encoders = process::capture(ffmpeg, &texts(&["-hide_banner", "-v", "error", "-encoders"]), LIMIT)
        .await
        .map_err(|error| missing("ffmpeg", &error.to_string()))?;
    process::capture(ffprobe, &texts(&["-hide_banner", "-v", "error", "-version"]), LIMIT)
        .await
        .map_err(|error| missing("ffprobe", &error.to_string()))?;
    let encoders = String::from_utf8_lossy(&encoders);
    for needed in ["libx264", "aac"] {
        if !encoders.split_whitespace().any(|word| word == needed) {
            return Err(format!("this ffmpeg was built without the encoder {needed}; install a full build of ffmpeg"));
        }
    }
    Ok(())
}

fn missing(program: &str, why: &str) -> String {
    format!(
        "{program} does not work ({why}); install ffmpeg (Debian, Ubuntu: `apt install ffmpeg`; macOS: `brew install ffmpeg`) \
         or set media.{program} to its place; uploads wait until then"
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_missing_program_is_named_with_a_way_to_get_it() {
        let message = examine(Path::new("/nowhere/ffmpeg"), Path::new("ffprobe")).await.unwrap_err();
        assert!(message.starts_with("ffmpeg does not work") && message.contains("apt install ffmpeg"), "{message}");
    }
}
