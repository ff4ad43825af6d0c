//! The file that an upload grows in.
//!
//! The stored offset decides what counts: bytes behind it were never acknowledged and are cut off before anything is appended.
//! An offset is stored only after the bytes before it were synced.

use std::io::{self, SeekFrom};
use std::path::{Path, PathBuf};

use nexus_kernel::Context;
use tokio::fs::{File, OpenOptions};
use tokio::io::{AsyncReadExt, AsyncSeekExt, AsyncWriteExt, BufWriter};
use uuid::Uuid;

/// How much is gathered before it goes to the file.
const BUFFER: usize = 256 << 10;

/// An upload's file, open for writing.
#[derive(Debug)]
pub(crate) struct Part {
    file: BufWriter<File>,
}

/// The folder of all unfinished files.
pub(crate) fn folder(ctx: &Context) -> io::Result<PathBuf> {
    let folder = ctx.data_dir()?.join("files");
    std::fs::create_dir_all(&folder)?;
    Ok(folder)
}

/// Where an upload's file is.
pub(crate) fn path(ctx: &Context, id: Uuid) -> io::Result<PathBuf> {
    Ok(folder(ctx)?.join(id.to_string()))
}

impl Part {
    /// Opens the file so that the next byte is the one at `offset`; makes it when nothing has arrived yet.
    pub(crate) async fn open(ctx: &Context, id: Uuid, offset: u64) -> io::Result<Self> {
        let path = path(ctx, id)?;
        let mut file = OpenOptions::new().create(offset == 0).write(true).truncate(false).open(&path).await?;
        let length = file.metadata().await?.len();
        if length < offset {
            return Err(io::Error::new(io::ErrorKind::UnexpectedEof, "the disk lost bytes that were synced"));
        }
        if length > offset {
            file.set_len(offset).await?;
        }
        file.seek(SeekFrom::Start(offset)).await?;
        if offset == 0 {
            sync_folder(&path).await?;
        }
        Ok(Self { file: BufWriter::with_capacity(BUFFER, file) })
    }

    /// Adds bytes, which are not durable yet.
    pub(crate) async fn append(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.file.write_all(bytes).await
    }

    /// Returns when all bytes are on the disk.
    pub(crate) async fn sync(&mut self) -> io::Result<()> {
        self.file.flush().await?;
        self.file.get_ref().sync_data().await
    }
}

/// The new file's name is durable too.
async fn sync_folder(path: &Path) -> io::Result<()> {
    match path.parent() {
        Some(folder) => File::open(folder).await?.sync_all().await,
        None => Ok(()),
    }
}

/// The file's first bytes.
pub(crate) async fn head(path: &Path, most: u64) -> io::Result<Vec<u8>> {
    let mut head = Vec::new();
    File::open(path).await?.take(most).read_to_end(&mut head).await?;
    Ok(head)
}

/// Removes an upload's file; one that is not there is removed already.
pub(crate) async fn remove(ctx: &Context, id: Uuid) -> io::Result<()> {
    match tokio::fs::remove_file(path(ctx, id)?).await {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    }
}
