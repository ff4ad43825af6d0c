//! Reading what is copied, and its checksums on the way.

use std::collections::HashMap;
use std::fs::File;
use std::io::{self, Cursor, Read};
use std::path::PathBuf;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};

use bytes::{Buf, Bytes};
use futures::StreamExt;
use futures::stream::BoxStream;
use nexus_backup::Content;
use nexus_kernel::blobs::{BlobError, Blobs, hex};
use sha2::{Digest, Sha256};
use tokio::runtime::Handle;

use super::manifest::Manifest;
use super::{BLOBS, FILES};

/// The checksums of files, known once each has been read to its end.
#[derive(Debug, Default)]
pub(crate) struct Sums {
    known: Mutex<Known>,
    changed: Condvar,
}

#[derive(Debug, Default)]
struct Known {
    sums: HashMap<String, String>,
    failed: bool,
}

impl Sums {
    fn known(&self) -> MutexGuard<'_, Known> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A checksum that is known already.
    pub(crate) fn put(&self, path: &str, sha256: String) {
        self.known().sums.insert(path.to_owned(), sha256);
        self.changed.notify_all();
    }

    fn fail(&self) {
        self.known().failed = true;
        self.changed.notify_all();
    }

    /// Waits until that many are known.
    fn wait(&self, count: usize) -> io::Result<MutexGuard<'_, Known>> {
        let mut known = self.known();
        while known.sums.len() < count && !known.failed {
            known = self.changed.wait(known).unwrap_or_else(PoisonError::into_inner);
        }
        if known.failed { Err(io::Error::other("a file could not be read")) } else { Ok(known) }
    }
}

/// The manifest, read once all that it names has been.
pub(crate) fn manifest(mut manifest: Manifest, sums: Arc<Sums>) -> Content {
    Box::new(move || {
        let count = manifest.blobs.len() + manifest.files.len();
        let known = sums.wait(count)?;
        for (folder, files) in [(BLOBS, &mut manifest.blobs), (FILES, &mut manifest.files)] {
            for (path, file) in files {
                let sum = known.sums.get(&format!("{folder}/{path}"));
                file.sha256 = sum.cloned().ok_or_else(|| io::Error::other(format!("{path} was not read")))?;
            }
        }
        Ok(Box::new(Cursor::new(manifest.bytes()?)))
    })
}

/// What a file is when it has become shorter since it was listed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Ending {
    /// Damaged.
    Fixed,
    /// Only rid of bytes that nobody was told to be there: an upload that broke off and goes on. Its rows say how much counts.
    Open,
}

/// A file of this machine.
pub(crate) fn local(place: PathBuf, ending: Ending) -> Content {
    Box::new(move || {
        let file = File::open(place)?;
        Ok(match ending {
            Ending::Fixed => Box::new(file),
            Ending::Open => Box::new(file.chain(io::repeat(0))),
        })
    })
}

/// A blob of a bucket.
pub(crate) fn blob(blobs: Blobs, key: String) -> Content {
    let runtime = Handle::current();
    Box::new(move || {
        let found = runtime.block_on(blobs.get_stream(&key, None)).map_err(|error| match error {
            BlobError::NotFound(key) => io::Error::new(io::ErrorKind::NotFound, format!("no blob at {key}")),
            other => io::Error::other(other),
        })?;
        Ok(Box::new(Stream { runtime, source: found, rest: Bytes::new() }))
    })
}

/// Reads a stream, on a thread that may wait.
struct Stream {
    runtime: Handle,
    source: BoxStream<'static, io::Result<Bytes>>,
    rest: Bytes,
}

impl Read for Stream {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        while self.rest.is_empty() {
            match self.runtime.block_on(self.source.next()) {
                Some(bytes) => self.rest = bytes?,
                None => return Ok(0),
            }
        }
        let count = buffer.len().min(self.rest.len());
        self.rest.copy_to_slice(&mut buffer[..count]);
        Ok(count)
    }
}

/// The same content, whose checksum is known once so many bytes were read.
pub(crate) fn summed(path: String, size: u64, content: Content, sums: Arc<Sums>) -> Content {
    Box::new(move || match content() {
        Ok(inner) => {
            let mut reader = Summing { path, left: size, inner, digest: Sha256::new(), sums };
            reader.end_if_there();
            Ok(Box::new(reader))
        }
        Err(error) => {
            sums.fail();
            Err(error)
        }
    })
}

struct Summing {
    path: String,
    left: u64,
    inner: Box<dyn Read + Send>,
    digest: Sha256,
    sums: Arc<Sums>,
}

impl Summing {
    fn end_if_there(&mut self) {
        if self.left == 0 {
            self.sums.put(&self.path, hex(&self.digest.clone().finalize()));
        }
    }
}

impl Read for Summing {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let most = buffer.len().min(usize::try_from(self.left).unwrap_or(usize::MAX));
        if most == 0 {
            return Ok(0);
        }
        match self.inner.read(&mut buffer[..most]) {
            Ok(0) => {
                self.sums.fail();
                Err(io::Error::new(io::ErrorKind::UnexpectedEof, "it is shorter than it was"))
            }
            Ok(count) => {
                self.digest.update(&buffer[..count]);
                self.left -= count as u64;
                self.end_if_there();
                Ok(count)
            }
            Err(error) if error.kind() == io::ErrorKind::Interrupted => Err(error),
            Err(error) => {
                self.sums.fail();
                Err(error)
            }
        }
    }
}
