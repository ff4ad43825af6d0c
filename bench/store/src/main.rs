//! How many units of work a second the store layer makes durable, next to raw `SQLite` doing the same inserts: a row, and
//! the event that announces it. A unit counts when it is on the disk (`synchronous=FULL`).
// It prints its result.
#![allow(clippy::print_stdout)]

mod layer;
mod raw;

use std::path::Path;
use std::time::Duration;

use anyhow::Context as _;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

/// The table that both write to, next to the kernel's own.
const TABLE: &str = "CREATE TABLE items (
    id         TEXT PRIMARY KEY,
    tenant_id  TEXT NOT NULL,
    title      TEXT NOT NULL,
    created_at BIGINT NOT NULL
)";
const ROUNDS: usize = 5;

/// An event of the usual size.
#[derive(Debug, Serialize, Deserialize)]
struct ItemAdded {
    id: Uuid,
    title: String,
}

impl ItemAdded {
    fn new() -> Self {
        let id = Uuid::now_v7();
        Self { id, title: format!("The title of item {id}") }
    }
}

/// One comparison.
struct Case {
    /// How many callers the layer has at once, and how many units the raw program commits together.
    together: usize,
    units: usize,
}

fn main() -> anyhow::Result<()> {
    let disk = std::env::args().nth(1).unwrap_or_else(|| ".".to_owned());
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    println!("| | store layer | raw SQLite | ratio |\n| --- | --- | --- | --- |");
    for case in [
        Case { together: 64, units: 64_000 },
        Case { together: 256, units: 102_400 },
        Case { together: 1, units: 4_000 },
    ] {
        let (mut layers, mut raws) = (Vec::new(), Vec::new());
        // In turns, so that a slow moment of the machine meets both.
        for _ in 0..ROUNDS {
            layers.push(measured(&disk, &case, |folder| runtime.block_on(layer::run(folder, &case)))?);
            raws.push(measured(&disk, &case, |folder| raw::run(folder, &case))?);
        }
        let (layer, raw) = (median(layers), median(raws));
        println!("| units a second, {} together | {layer:.0} | {raw:.0} | {:.2} |", case.together, layer / raw);
    }
    Ok(())
}

/// Units a second in a folder of its own.
fn measured(disk: &str, case: &Case, run: impl FnOnce(&Path) -> anyhow::Result<Duration>) -> anyhow::Result<f64> {
    let folder = tempfile::tempdir_in(disk).with_context(|| format!("no folder can be made in {disk}"))?;
    let took = run(folder.path())?;
    raw::check(folder.path(), case.units)?;
    Ok(f64::from(u32::try_from(case.units)?) / took.as_secs_f64())
}

fn median(mut rates: Vec<f64>) -> f64 {
    rates.sort_unstable_by(f64::total_cmp);
    rates[rates.len() / 2]
}
