//! The blobs that an upload grows in, where every instance of the service finds them.
//!
//! The rows decide what counts: bytes beyond them were never acknowledged. A row is written only after its bytes are durable.
//! No two instances ever write to the same blob, so that one that was given up for dead can do no harm when it wakes.

use std::io;

use bytes::Bytes;
use futures::stream::BoxStream;
use futures::{StreamExt, TryStreamExt};
use nexus_kernel::Context;
use nexus_kernel::blobs::{BlobError, Blobs};
use tokio::fs::{File, OpenOptions};
use tokio::io::{AsyncSeekExt, AsyncWriteExt, BufWriter};
use uuid::Uuid;

use crate::error::Error;

/// Below what all blobs of unfinished uploads are.
pub(crate) const INCOMING: &str = "incoming";
/// How much is gathered before it goes to a file.
const BUFFER: usize = 256 << 10;
/// How much is gathered before it goes to a bucket: what an upload takes of memory there.
pub(crate) const CHUNK: u64 = 8 << 20;

/// A stretch of an upload that is durable.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Chunk {
    /// Where in the file it begins.
    pub(crate) begins: u64,
    /// How many of the blob's bytes count.
    pub(crate) length: u64,
    /// The blob.
    pub(crate) key: String,
}

impl Chunk {
    const fn end(&self) -> u64 {
        self.begins + self.length
    }
}

/// Below what the blobs of one upload are.
pub(crate) fn prefix(id: Uuid) -> String {
    format!("{INCOMING}/{id}")
}

fn key(id: Uuid, begins: u64, writer: &str) -> String {
    format!("{}/{begins:016}-{writer}", prefix(id))
}

/// An upload, open for writing at its end.
pub(crate) struct Part {
    id: Uuid,
    sink: Sink,
}

enum Sink {
    /// A file of the store's folder that grows.
    File { file: BufWriter<File>, chunk: Chunk },
    /// A bucket takes nothing but whole blobs.
    Bucket {
        blobs: Blobs,
        names: nexus_kernel::Ids,
        gathered: Vec<Bytes>,
        begins: u64,
        length: u64,
        stored: Vec<Chunk>,
    },
}

impl Part {
    /// Opens an upload so that the next byte is the one after these chunks. `writer` names this process.
    pub(crate) async fn open(ctx: &Context, id: Uuid, writer: &str, chunks: &[Chunk]) -> Result<Self, Error> {
        let begins = chunks.last().map_or(0, Chunk::end);
        // A file that this process wrote is written by nobody else.
        let own = chunks.last().filter(|chunk| chunk.key == key(id, chunk.begins, writer)).cloned();
        let fresh = || Chunk { begins, length: 0, key: key(id, begins, writer) };
        let chunk = own.unwrap_or_else(fresh);
        let sink = match ctx.blobs.local_path(&chunk.key) {
            Some(path) => Sink::File { file: BufWriter::with_capacity(BUFFER, open_file(&path, &chunk).await?), chunk },
            None => Sink::Bucket {
                blobs: ctx.blobs.clone(),
                names: ctx.ids.clone(),
                gathered: Vec::new(),
                begins,
                length: 0,
                stored: Vec::new(),
            },
        };
        Ok(Self { id, sink })
    }

    /// Adds bytes, which are not durable yet.
    pub(crate) async fn append(&mut self, bytes: Bytes) -> Result<(), Error> {
        match &mut self.sink {
            Sink::File { file, chunk } => {
                file.write_all(&bytes).await?;
                chunk.length += bytes.len() as u64;
            }
            Sink::Bucket { gathered, length, .. } => {
                *length += bytes.len() as u64;
                gathered.push(bytes);
                if *length >= CHUNK {
                    self.put().await?;
                }
            }
        }
        Ok(())
    }

    /// Returns when all bytes are durable; the chunks that are new or longer since the last time.
    pub(crate) async fn sync(&mut self) -> Result<Vec<Chunk>, Error> {
        self.put().await?;
        match &mut self.sink {
            Sink::File { file, chunk } => {
                file.flush().await?;
                file.get_ref().sync_data().await?;
                Ok(vec![chunk.clone()])
            }
            Sink::Bucket { stored, .. } => Ok(std::mem::take(stored)),
        }
    }

    /// Sends what was gathered to the bucket.
    async fn put(&mut self) -> Result<(), Error> {
        let Sink::Bucket { blobs, names, gathered, begins, length, stored } = &mut self.sink else { return Ok(()) };
        if *length == 0 {
            return Ok(());
        }
        // A name of its own for each: a request that was thought lost may still arrive.
        let chunk = Chunk { begins: *begins, length: *length, key: key(self.id, *begins, &names.next().to_string()) };
        let content = futures::stream::iter(std::mem::take(gathered).into_iter().map(Ok));
        blobs.put_stream(&chunk.key, content, None).await?;
        (*begins, *length) = (chunk.end(), 0);
        stored.push(chunk);
        Ok(())
    }
}

/// Opens a chunk's file behind its last byte that counts; makes it when nothing of it counts yet.
async fn open_file(path: &std::path::Path, chunk: &Chunk) -> io::Result<File> {
    let fresh = chunk.length == 0;
    if let (true, Some(folder)) = (fresh, path.parent()) {
        tokio::fs::create_dir_all(folder).await?;
    }
    let mut file = OpenOptions::new().create(fresh).write(true).truncate(false).open(path).await?;
    if file.metadata().await?.len() < chunk.length {
        return Err(io::Error::new(io::ErrorKind::UnexpectedEof, "the disk lost bytes that were synced"));
    }
    file.set_len(chunk.length).await?;
    file.seek(io::SeekFrom::Start(chunk.length)).await?;
    if fresh {
        sync_names(path).await?;
    }
    Ok(file)
}

/// The new file's name is durable too, and those of its upload's folder and of the folder of all uploads.
async fn sync_names(path: &std::path::Path) -> io::Result<()> {
    for folder in path.ancestors().skip(1).take(3) {
        File::open(folder).await?.sync_all().await?;
    }
    Ok(())
}

/// Whether these chunks are all bytes of a file of this size.
pub(crate) fn is_whole(chunks: &[Chunk], size: u64) -> bool {
    let end = chunks.iter().try_fold(0, |end, chunk| (chunk.begins == end).then(|| chunk.end()));
    end == Some(size)
}

/// The file's first bytes.
pub(crate) async fn head(blobs: &Blobs, chunks: &[Chunk], most: u64) -> Result<Vec<u8>, BlobError> {
    let mut head = Vec::new();
    for chunk in chunks.iter().take_while(|chunk| chunk.begins < most) {
        let range = 0..chunk.length.min(most - chunk.begins);
        let bytes: Vec<Bytes> = blobs.get_stream(&chunk.key, Some(range)).await?.try_collect().await?;
        head.extend(bytes.concat());
    }
    Ok(head)
}

/// Makes one blob of the chunks. The only chunk of a folder becomes it as it is; any others are copied.
pub(crate) async fn compose(blobs: &Blobs, chunks: &[Chunk], size: u64, to: &str) -> Result<(), BlobError> {
    if let [chunk] = chunks
        && let Some(path) = blobs.local_path(&chunk.key)
    {
        let file = OpenOptions::new().write(true).open(&path).await.map_err(|error| missing(error, &chunk.key))?;
        file.set_len(chunk.length).await?;
        return blobs.put_file(to, &path).await;
    }
    blobs.put_sized(to, content(blobs, chunks), Some(size), None).await.map(drop)
}

fn missing(error: io::Error, key: &str) -> BlobError {
    if error.kind() == io::ErrorKind::NotFound { BlobError::NotFound(key.to_owned()) } else { error.into() }
}

fn content(blobs: &Blobs, chunks: &[Chunk]) -> BoxStream<'static, io::Result<Bytes>> {
    let blobs = blobs.clone();
    futures::stream::iter(chunks.to_vec())
        .then(move |chunk| {
            let blobs = blobs.clone();
            async move { blobs.get_stream(&chunk.key, Some(0..chunk.length)).await.map_err(io::Error::other) }
        })
        .try_flatten()
        .boxed()
}

/// Removes all that has arrived of an upload; what is not there is removed already.
pub(crate) async fn remove(ctx: &Context, id: Uuid) -> Result<(), BlobError> {
    ctx.blobs.delete_prefix(&prefix(id)).await.map(drop)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn chunk(begins: u64, length: u64) -> Chunk {
        Chunk { begins, length, key: String::new() }
    }

    #[test]
    fn a_file_is_whole_when_its_chunks_follow_each_other_to_its_end() {
        assert!(is_whole(&[chunk(0, 4), chunk(4, 6)], 10));
        for broken in [vec![], vec![chunk(0, 4)], vec![chunk(0, 4), chunk(5, 5)], vec![chunk(4, 6)], vec![chunk(0, 11)]]
        {
            assert!(!is_whole(&broken, 10), "{broken:?}");
        }
    }
}
