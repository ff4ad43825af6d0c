//! Out of a snapshot.

use std::collections::VecDeque;
use std::io::Write;

use sha2::{Digest, Sha256};

use super::{DumpError, Head, Name, Total, codec};
use crate::blobs::hex;
use crate::store::snapshot::{Rows, Snapshot, Table};

/// A table's file, piece by piece.
pub struct Dump {
    name: Name,
    rows: Rows,
    ready: VecDeque<Vec<u8>>,
    digest: Sha256,
    count: u64,
    total: Option<Total>,
}

impl std::fmt::Debug for Dump {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Dump").field("name", &self.name).finish_non_exhaustive()
    }
}

impl Dump {
    /// Begins the file of a table.
    pub fn new(snapshot: &Snapshot, service: &str, table: &Table) -> Result<Self, DumpError> {
        let name = Name::new(service, &table.name);
        let rows = snapshot.rows(service, table).map_err(|error| name.store(error))?;
        let head = Head { service: service.to_owned(), table: table.clone() };
        let head = line(&name, &head)?;
        Ok(Self { name, rows, ready: VecDeque::from([head]), digest: Sha256::new(), count: 0, total: None })
    }

    /// The next piece; `None` at the end.
    pub async fn next(&mut self) -> Result<Option<Vec<u8>>, DumpError> {
        if let Some(piece) = self.ready.pop_front() {
            return Ok(Some(piece));
        }
        if self.total.is_some() {
            return Ok(None);
        }
        let page = self.rows.next().await.map_err(|error| self.name.store(error))?;
        if page.is_empty() {
            let total = Total { rows: self.count, sha256: hex(&self.digest.clone().finalize()) };
            let last = line(&self.name, &total)?;
            self.total = Some(total);
            return Ok(Some(last));
        }
        let mut piece = Vec::new();
        for row in &page {
            codec::write(row, &mut piece);
        }
        self.count += page.len() as u64;
        self.digest.update(&piece);
        Ok(Some(piece))
    }

    /// What the rows amounted to, once the last piece is out.
    pub fn total(&self) -> Option<&Total> {
        self.total.as_ref()
    }
}

/// Writes a table's whole file.
pub async fn copy(
    snapshot: &Snapshot,
    service: &str,
    table: &Table,
    out: &mut (impl Write + Send),
) -> Result<Total, DumpError> {
    let mut dump = Dump::new(snapshot, service, table)?;
    while let Some(piece) = dump.next().await? {
        out.write_all(&piece).map_err(|error| dump.name.file(error))?;
    }
    let total = dump.total.take();
    total.ok_or_else(|| dump.name.wrong("its end was not reached"))
}

fn line(name: &Name, value: &impl serde::Serialize) -> Result<Vec<u8>, DumpError> {
    let mut line = serde_json::to_vec(value).map_err(|error| name.wrong(error.to_string()))?;
    line.push(b'\n');
    Ok(line)
}
