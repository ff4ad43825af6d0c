//! One job's work, from the source in the blob store to the renditions there.

use std::path::{Path, PathBuf};
use std::time::Duration;

use futures::{StreamExt, TryStreamExt};
use nexus_contracts::streamcore::MASTER_PLAYLIST;
use nexus_kernel::Context;
use nexus_kernel::blobs::BlobError;
use tokio::io::AsyncWriteExt;
use tokio::sync::watch;

use crate::encode::{self, SOUND};
use crate::failure::Failure;
use crate::job::{LadderRung, StoredJob};
use crate::ladder::{Rung, ladder};
use crate::package::{self, Track};
use crate::probe::{self, Source};
use crate::process;
use crate::progress;
use crate::stills;

/// How long ffprobe may take.
const PROBE_LIMIT: Duration = Duration::from_mins(1);
/// How long one still may take.
const STILL_LIMIT: Duration = Duration::from_mins(2);
/// The share of the work that encoding is; the rest is stills and storing.
const ENCODING_SHARE: f64 = 0.95;
/// How many files are stored at once.
const AT_ONCE: usize = 8;

/// What a job made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Product {
    pub(crate) duration: Duration,
    /// The best rendition's width and height; absent when there is no picture.
    pub(crate) size: Option<(u32, u32)>,
    pub(crate) ladder: Vec<LadderRung>,
}

/// Does the job's work in `folder`, which is empty and the caller's to remove, and stores what it makes below `prefix`.
pub(crate) async fn transcode(
    ctx: &Context,
    job: &StoredJob,
    folder: &Path,
    prefix: &str,
    done: &watch::Sender<f64>,
) -> Result<Product, Failure> {
    let file = fetch(ctx, &job.source_key, folder).await?;
    let source = describe(ctx, &file).await?;
    let rungs = source.picture.as_ref().map(|picture| ladder(picture.size)).unwrap_or_default();
    let output = folder.join("output");
    encode(ctx, &file, &source, &rungs, &output, done).await?;
    let (pictures, sound) = measure(&source, &rungs, &output).await?;
    let rate = source.picture.as_ref().map(|picture| picture.rate);
    let master = package::master(&pictures, rate, sound.as_ref());
    tokio::fs::write(output.join(MASTER_PLAYLIST), master).await?;
    draw(ctx, &pictures, &output, folder).await?;
    if file.starts_with(folder) {
        // The copy made room for nothing else until now.
        tokio::fs::remove_file(&file).await?;
    }
    store(ctx, prefix, &output).await?;
    let tracks = pictures.iter().map(|(_, track)| track).chain(&sound);
    Ok(Product {
        duration: tracks.map(|track| track.duration).max().unwrap_or_default(),
        size: rungs.first().map(|rung| (rung.size.width, rung.size.height)),
        ladder: rungs
            .iter()
            .map(|rung| LadderRung { height: rung.size.height, bitrate_kbps: rung.max_bitrate_kbps })
            .collect(),
    })
}

/// The source as a file: the blob itself where the store is a folder, else a copy.
async fn fetch(ctx: &Context, key: &str, folder: &Path) -> Result<PathBuf, Failure> {
    let size = ctx.blobs.size(key).await.map_err(|error| match error {
        BlobError::NotFound(_) => Failure::input("the source file is not there any more; upload it again"),
        other => other.into(),
    })?;
    if let Some(path) = ctx.blobs.local_path(key) {
        return Ok(path);
    }
    let path = folder.join("source");
    let mut file = tokio::fs::File::create(&path).await?;
    let mut content = ctx.blobs.get_stream(key, None).await?;
    let mut fetched = 0;
    while let Some(bytes) = content.try_next().await? {
        file.write_all(&bytes).await?;
        fetched += bytes.len() as u64;
    }
    file.flush().await?;
    if fetched == size { Ok(path) } else { Err(std::io::Error::from(std::io::ErrorKind::UnexpectedEof).into()) }
}

async fn describe(ctx: &Context, file: &Path) -> Result<Source, Failure> {
    let program = &ctx.config.media.ffprobe;
    let report = process::capture(program, &encode::describe(file), PROBE_LIMIT)
        .await
        .map_err(|error| Failure::of(error, file))?;
    probe::read(&report).map_err(|error| Failure::input(error.to_string()))
}

/// Encodes everything in one run, then makes sure that the source did not end before its time.
async fn encode(
    ctx: &Context,
    file: &Path,
    source: &Source,
    rungs: &[Rung],
    output: &Path,
    done: &watch::Sender<f64>,
) -> Result<(), Failure> {
    for name in rungs.iter().map(Rung::name).chain(source.sound.map(|_| SOUND.to_owned())) {
        tokio::fs::create_dir_all(output.join(name)).await?;
    }
    let arguments = encode::renditions(file, source, rungs, output);
    let mut reached = Duration::ZERO;
    let on_line = |line: &str| {
        if let Some(position) = progress::position(line) {
            reached = position;
            done.send_replace(progress::share(position, source.duration) * ENCODING_SHARE);
        }
    };
    let limit = time_limit(source.duration);
    let complaints = process::follow(&ctx.config.media.ffmpeg, &arguments, limit, on_line)
        .await
        .map_err(|error| Failure::of(error, file))?;
    Failure::if_cut_off(source, reached, &complaints)
}

/// A slow machine takes about ten times a film's length for the whole ladder; three times that is a hang.
fn time_limit(duration: Option<Duration>) -> Duration {
    Duration::from_mins(15) + duration.map_or(Duration::from_hours(6), |duration| duration.saturating_mul(30))
}

async fn measure(
    source: &Source,
    rungs: &[Rung],
    output: &Path,
) -> Result<(Vec<(Rung, Track)>, Option<Track>), Failure> {
    let mut pictures = Vec::with_capacity(rungs.len());
    for rung in rungs {
        pictures.push((*rung, Track::measure(&output.join(rung.name())).await.map_err(Failure::no_output)?));
    }
    let sound = match source.sound {
        Some(_) => Some(Track::measure(&output.join(SOUND)).await.map_err(Failure::no_output)?),
        None => None,
    };
    Ok((pictures, sound))
}

async fn draw(ctx: &Context, pictures: &[(Rung, Track)], output: &Path, folder: &Path) -> Result<(), Failure> {
    let program = &ctx.config.media.ffmpeg;
    let run = async |arguments: &[std::ffi::OsString]| {
        process::follow(program, arguments, STILL_LIMIT, |_| {}).await.map_err(|error| Failure::of(error, folder))
    };
    let Some((rung, track)) = pictures.first() else {
        return run(&stills::of_sound(output)).await.map(drop);
    };
    tokio::fs::create_dir_all(output.join("thumbs")).await?;
    let rendition = output.join(rung.name());
    let joined = folder.join("still.mp4");
    for still in stills::of_picture(&track.segments) {
        let mut bytes = tokio::fs::read(rendition.join("init.mp4")).await?;
        bytes.extend(tokio::fs::read(rendition.join(&still.segment)).await?);
        tokio::fs::write(&joined, bytes).await?;
        run(&still.arguments(&joined, output)).await?;
    }
    Ok(())
}

/// Moves every file below the output folder into the blob store; the master playlist last, so that where it is, all is.
async fn store(ctx: &Context, prefix: &str, output: &Path) -> Result<(), Failure> {
    let mut files = Vec::new();
    let mut folders = vec![(output.to_owned(), prefix.to_owned())];
    while let Some((folder, below)) = folders.pop() {
        let mut entries = tokio::fs::read_dir(&folder).await?;
        while let Some(entry) = entries.next_entry().await? {
            let name = entry.file_name().to_string_lossy().into_owned();
            let key = format!("{below}/{name}");
            if entry.file_type().await?.is_dir() {
                folders.push((entry.path(), key));
            } else if name != MASTER_PLAYLIST {
                files.push((entry.path(), key));
            }
        }
    }
    // A bucket is far away: several files are on their way at once.
    let storing = futures::stream::iter(files).map(|(path, key)| store_file(ctx, path, key)).buffer_unordered(AT_ONCE);
    storing.try_collect::<()>().await?;
    store_file(ctx, output.join(MASTER_PLAYLIST), format!("{prefix}/{MASTER_PLAYLIST}")).await
}

async fn store_file(ctx: &Context, path: PathBuf, key: String) -> Result<(), Failure> {
    Ok(ctx.blobs.put_file(&key, &path).await?)
}
