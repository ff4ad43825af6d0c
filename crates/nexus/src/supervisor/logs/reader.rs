//! Reads what processes said.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{Read, Seek, SeekFrom};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use nexus_kernel::Timestamp;

use super::{KEPT, folder, place_of, put_aside};
use crate::supervisor::fleet::Place;

/// How much of a file is looked at for its last lines, in bytes.
const TAIL: u64 = 4 << 20;

/// A line that a process said.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Entry {
    /// When.
    pub(crate) at: Timestamp,
    /// Of which service.
    pub(crate) service: String,
    /// Which of its instances.
    pub(crate) instance: usize,
    /// The line.
    pub(crate) text: String,
}

impl Entry {
    fn parse(place: &Place, line: &str) -> Self {
        let parsed = line.split_once(' ').and_then(|(at, text)| Some((at.parse().ok()?, text)));
        let (at, text) = parsed.unwrap_or((Timestamp::from_micros(0), line));
        Self { at, service: place.service.clone(), instance: place.slot, text: text.to_owned() }
    }
}

/// The places that have said anything; one service's, or all.
fn places(data: &Path, service: Option<&str>) -> std::io::Result<Vec<(Place, PathBuf)>> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(folder(data))? {
        let entry = entry?;
        let place = entry.file_name().to_str().and_then(place_of);
        found.extend(
            place.filter(|place| service.is_none_or(|name| name == place.service)).map(|place| (place, entry.path())),
        );
    }
    Ok(found)
}

/// The last lines, in the order in which they were said; with a follower that goes on from there.
pub(crate) fn last(data: &Path, service: Option<&str>, lines: usize) -> std::io::Result<(Vec<Entry>, Follower)> {
    let mut follower =
        Follower { data: data.to_owned(), service: service.map(str::to_owned), positions: BTreeMap::new() };
    let mut entries = Vec::new();
    for (place, path) in places(data, service)? {
        let mut youngest = tail(&path)?;
        follower.positions.insert(path.clone(), Position { inode: youngest.inode, offset: youngest.end });
        // A file may have been put aside a moment ago.
        for age in 1..=KEPT {
            if youngest.lines.len() >= lines {
                break;
            }
            let Ok(older) = tail(&put_aside(&path, age)) else { break };
            youngest.lines = [older.lines, youngest.lines].concat();
        }
        let skipped = youngest.lines.len().saturating_sub(lines);
        entries.extend(youngest.lines[skipped..].iter().map(|line| Entry::parse(&place, line)));
    }
    // What one place said stays in its order: lines of one moment have no other.
    entries.sort_by_key(|entry| entry.at);
    let skipped = entries.len().saturating_sub(lines);
    Ok((entries.split_off(skipped), follower))
}

struct Tail {
    lines: Vec<String>,
    inode: u64,
    /// Where the last whole line ends.
    end: u64,
}

fn tail(path: &Path) -> std::io::Result<Tail> {
    let mut file = File::open(path)?;
    let metadata = file.metadata()?;
    let from = metadata.len().saturating_sub(TAIL);
    let text = read_from(&mut file, from)?;
    let whole = text.rfind('\n').map_or(0, |end| end + 1);
    // Where the middle of a line was met, that line is not shown.
    let begin = if from == 0 { 0 } else { text.find('\n').map_or(whole, |end| end + 1) };
    let lines = text.get(begin..whole).unwrap_or_default().lines().map(str::to_owned).collect();
    Ok(Tail { lines, inode: metadata.ino(), end: from + whole as u64 })
}

fn read_from(file: &mut File, from: u64) -> std::io::Result<String> {
    file.seek(SeekFrom::Start(from))?;
    let mut bytes = Vec::new();
    file.read_to_end(&mut bytes)?;
    // What is kept is valid, but `from` may lie within a character; replacing one byte by one keeps the positions right.
    Ok(String::from_utf8(bytes).unwrap_or_else(|error| {
        error.into_bytes().into_iter().map(|byte| if byte.is_ascii() { char::from(byte) } else { '?' }).collect()
    }))
}

#[derive(Debug, Clone, Copy)]
struct Position {
    inode: u64,
    offset: u64,
}

/// Reads what is said from now on, by processes that are there and by those that come.
#[derive(Debug)]
pub(crate) struct Follower {
    data: PathBuf,
    service: Option<String>,
    positions: BTreeMap<PathBuf, Position>,
}

impl Follower {
    /// What was said since the last call.
    pub(crate) fn next(&mut self) -> std::io::Result<Vec<Entry>> {
        let mut entries = Vec::new();
        for (place, path) in places(&self.data, self.service.as_deref())? {
            let Ok(mut file) = File::open(&path) else { continue };
            let inode = file.metadata()?.ino();
            let known = self.positions.get(&path).copied();
            let offset = known.filter(|known| known.inode == inode).map_or(0, |known| known.offset);
            if let Some(known) = known.filter(|known| known.inode != inode) {
                // It was put aside: its end first.
                if let Ok(mut older) = File::open(put_aside(&path, 1))
                    && older.metadata()?.ino() == known.inode
                {
                    let (lines, _) = whole_lines(&mut older, known.offset)?;
                    entries.extend(lines.iter().map(|line| Entry::parse(&place, line)));
                }
            }
            let (lines, offset) = whole_lines(&mut file, offset)?;
            entries.extend(lines.iter().map(|line| Entry::parse(&place, line)));
            self.positions.insert(path, Position { inode, offset });
        }
        entries.sort_by_key(|entry| entry.at);
        Ok(entries)
    }
}

/// The whole lines that follow a position, and where they end.
fn whole_lines(file: &mut File, from: u64) -> std::io::Result<(Vec<String>, u64)> {
    let text = read_from(file, from)?;
    let whole = text.rfind('\n').map_or(0, |end| end + 1);
    Ok((text[..whole].lines().map(str::to_owned).collect(), from + whole as u64))
}

#[cfg(test)]
mod tests {
    use nexus_kernel::Clock;

    use super::*;
    use crate::supervisor::logs::{Logs, MAX_FILE, MAX_LINE};

    fn place(service: &str, slot: usize) -> Place {
        Place { service: service.to_owned(), slot }
    }

    fn texts(entries: &[Entry]) -> Vec<String> {
        entries.iter().map(|entry| format!("{}.{} {}", entry.service, entry.instance, entry.text)).collect()
    }

    #[test]
    fn the_last_lines_of_several_processes_come_in_the_order_in_which_they_were_said() {
        let data = tempfile::tempdir().unwrap();
        let mut logs = Logs::open(data.path(), Clock::system()).unwrap();
        for (service, slot, line) in [("a", 1, "one"), ("b-c", 1, "two"), ("a", 2, "three"), ("b-c", 1, "four")] {
            logs.of(&place(service, slot)).write(line);
        }
        let (entries, _) = last(data.path(), None, 3).unwrap();
        assert_eq!(texts(&entries), ["b-c.1 two", "a.2 three", "b-c.1 four"]);
        let (entries, _) = last(data.path(), Some("a"), 10).unwrap();
        assert_eq!(texts(&entries), ["a.1 one", "a.2 three"]);
    }

    #[test]
    fn a_follower_misses_nothing_when_a_file_is_put_aside_or_a_process_comes() {
        let data = tempfile::tempdir().unwrap();
        let mut logs = Logs::open(data.path(), Clock::system()).unwrap();
        logs.of(&place("a", 1)).write("before");
        let (_, mut follower) = last(data.path(), None, 1).unwrap();
        assert!(follower.next().unwrap().is_empty());
        let line = "x".repeat(MAX_LINE);
        let number = usize::try_from(MAX_FILE).unwrap() / MAX_LINE + 5;
        (0..number).for_each(|_| logs.of(&place("a", 1)).write(&line));
        logs.of(&place("new", 1)).write("hello");
        let said = texts(&follower.next().unwrap());
        assert_eq!((said.len(), said.last().unwrap().as_str()), (number + 1, "new.1 hello"));
        assert!(follower.next().unwrap().is_empty());
    }
}
