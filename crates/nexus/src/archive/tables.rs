//! Every table of a snapshot, as files.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::{self, BufWriter, Write};
use std::path::Path;

use anyhow::Context;
use nexus_kernel::store::dump::{self, Total};
use nexus_kernel::store::snapshot::Snapshot;

use super::manifest::ServiceState;

/// The path of a table's file below the folder of all.
pub(crate) fn path(service: &str, table: &str) -> String {
    format!("{service}/{table}.jsonl")
}

/// Writes every table into a file, and says what there is.
pub(crate) async fn spool(snapshot: &Snapshot, folder: &Path) -> anyhow::Result<BTreeMap<String, ServiceState>> {
    let cursors = snapshot.cursors().await?;
    let mut services = BTreeMap::new();
    for service in snapshot.services() {
        fs::create_dir_all(folder.join(service))?;
        let mut tables = BTreeMap::new();
        for table in snapshot.tables(service).await? {
            let place = folder.join(path(service, &table.name));
            let mut out = BufWriter::new(File::create(&place).with_context(|| format!("making {}", place.display()))?);
            let total = dump::copy(snapshot, service, &table, &mut out).await?;
            out.flush().with_context(|| format!("writing {}", place.display()))?;
            tables.insert(table.name, total);
        }
        let own = cursors.iter().filter(|cursor| cursor.service == service);
        let state = ServiceState {
            schema: snapshot.applied(service).await?,
            head: snapshot.head(service).await?,
            cursors: own.map(|cursor| (cursor.source.clone(), cursor.position)).collect(),
            tables,
        };
        services.insert(service.to_owned(), state);
    }
    Ok(services)
}

/// What every table of a service amounts to.
pub(crate) async fn totals(snapshot: &Snapshot, service: &str) -> anyhow::Result<BTreeMap<String, Total>> {
    let mut totals = BTreeMap::new();
    for table in snapshot.tables(service).await? {
        let total = dump::copy(snapshot, service, &table, &mut io::sink()).await?;
        totals.insert(table.name, total);
    }
    Ok(totals)
}
