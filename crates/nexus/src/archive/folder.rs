//! An archive in a folder.

use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io::{self, BufReader, Read};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Component, Path, PathBuf};

use anyhow::{Context, bail, ensure};

use super::{Archive, Piece};

/// An archive in a folder.
#[derive(Debug)]
pub(crate) struct Folder(pub(crate) PathBuf);

impl Archive for Folder {
    fn open(&self, path: &str) -> anyhow::Result<Box<dyn Read + Send>> {
        let below = Path::new(path).components().all(|part| matches!(part, Component::Normal(_)));
        ensure!(below, "{path} leads out of the archive");
        let place = self.0.join(path);
        let file = File::open(&place).with_context(|| format!("opening {}", place.display()))?;
        Ok(Box::new(BufReader::with_capacity(256 << 10, file)))
    }
}

/// Writes an archive: whole, or nothing is at its place.
pub(crate) fn write(pieces: Vec<Piece>, folder: &Path) -> anyhow::Result<()> {
    if fs::read_dir(folder).is_ok_and(|mut entries| entries.next().is_some()) {
        bail!("{} is not empty; choose another folder with --to", folder.display());
    }
    let name = folder.file_name().with_context(|| format!("{} names no folder", folder.display()))?;
    let unfinished = folder.with_file_name(format!("{}.unfinished", name.to_string_lossy()));
    if unfinished.exists() {
        fs::remove_dir_all(&unfinished).with_context(|| format!("removing {}", unfinished.display()))?;
    }
    for piece in pieces {
        let place = unfinished.join(&piece.path);
        one(piece, &place).with_context(|| format!("writing {}", place.display()))?;
    }
    if folder.exists() {
        fs::remove_dir(folder)?;
    }
    fs::rename(&unfinished, folder).with_context(|| format!("making {}", folder.display()))?;
    let above = folder.parent().filter(|above| !above.as_os_str().is_empty()).unwrap_or(Path::new("."));
    Ok(File::open(above)?.sync_all()?)
}

fn one(piece: Piece, place: &Path) -> io::Result<()> {
    if let Some(above) = place.parent() {
        DirBuilder::new().recursive(true).mode(0o700).create(above)?;
    }
    let mut out = OpenOptions::new().write(true).create_new(true).mode(0o600).open(place)?;
    let written = io::copy(&mut (piece.content)()?.take(piece.size), &mut out)?;
    if written != piece.size {
        return Err(io::Error::new(io::ErrorKind::UnexpectedEof, "it is shorter than it was"));
    }
    out.sync_all()
}
