//! What processes say: kept in the data folder in files of bounded size, one a process's place, and read back from there,
//! whether the supervisor runs or not. Each line is kept behind the time at which it was said.

mod reader;
mod writer;

use std::path::{Path, PathBuf};

use super::fleet::Place;

pub(crate) use reader::{Entry, last};
pub(crate) use writer::{Log, Logs};

/// The longest line that is kept whole, in bytes.
const MAX_LINE: usize = 16 << 10;
/// A file that has grown to this size is put aside.
const MAX_FILE: u64 = 8 << 20;
/// How many that were put aside are kept.
const KEPT: usize = 4;

/// Where the files are.
pub(crate) fn folder(data: &Path) -> PathBuf {
    data.join("logs")
}

/// The file of a place: `<service>.<instance>.log`.
fn file_name(place: &Place) -> String {
    format!("{}.{}.log", place.service, place.slot)
}

/// The name of one that was put aside, 1 being the youngest.
fn put_aside(file: &Path, age: usize) -> PathBuf {
    let mut name = file.as_os_str().to_owned();
    name.push(format!(".{age}"));
    name.into()
}

/// The place whose file has this name.
fn place_of(name: &str) -> Option<Place> {
    let (service, slot) = name.strip_suffix(".log")?.rsplit_once('.')?;
    Some(Place { service: service.to_owned(), slot: slot.parse().ok()? })
}
