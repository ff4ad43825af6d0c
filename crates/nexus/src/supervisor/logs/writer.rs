//! Keeps what processes say.

use std::collections::{HashMap, VecDeque};
use std::fs::{File, OpenOptions};
use std::io::Write;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use nexus_kernel::Clock;
use tokio::io::{AsyncRead, AsyncReadExt};

use super::{KEPT, MAX_FILE, MAX_LINE, file_name, folder, put_aside};
use crate::supervisor::fleet::Place;

/// How many of the last lines are at hand for whoever asks why a process died.
const LAST: usize = 5;

/// The logs of all places.
#[derive(Debug)]
pub(crate) struct Logs {
    folder: PathBuf,
    clock: Clock,
    open: HashMap<(String, usize), Log>,
}

impl Logs {
    /// The logs in this data folder.
    pub(crate) fn open(data: &Path, clock: Clock) -> std::io::Result<Self> {
        let folder = folder(data);
        crate::folder::make(&folder)?;
        Ok(Self { folder, clock, open: HashMap::new() })
    }

    /// One place's.
    pub(crate) fn of(&mut self, place: &Place) -> Log {
        let log = || Log(Arc::new(Mutex::new(Kept::new(self.folder.join(file_name(place)), self.clock.clone()))));
        self.open.entry((place.service.clone(), place.slot)).or_insert_with(log).clone()
    }
}

/// The log of one place; cheap to clone.
#[derive(Debug, Clone)]
pub(crate) struct Log(Arc<Mutex<Kept>>);

impl Log {
    fn kept(&self) -> MutexGuard<'_, Kept> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Keeps a line that a process said.
    pub(crate) fn write(&self, line: &str) {
        self.kept().write(line);
    }

    /// Keeps a line that the supervisor says of a process.
    pub(crate) fn note(&self, line: &str) {
        self.kept().keep(&format!("[supervisor] {line}"));
    }

    /// What was said before is another process's.
    pub(crate) fn turn_the_page(&self) {
        self.kept().last.clear();
    }

    /// The last lines that were said.
    pub(crate) fn last_lines(&self) -> Vec<String> {
        self.kept().last.iter().cloned().collect()
    }

    /// Keeps everything that is said until the end. What is not valid UTF-8 is replaced, and what is too long is cut: a
    /// process must be able to say anything without being held up by us.
    pub(crate) async fn keep(self, mut output: impl AsyncRead + Unpin) {
        let (mut line, mut chunk) = (Vec::new(), [0; 8 << 10]);
        while let Ok(read @ 1..) = output.read(&mut chunk).await {
            for byte in &chunk[..read] {
                match byte {
                    b'\n' => {
                        self.write(&String::from_utf8_lossy(&line));
                        line.clear();
                    }
                    _ if line.len() < MAX_LINE => line.push(*byte),
                    _ => {}
                }
            }
        }
        if !line.is_empty() {
            self.write(&String::from_utf8_lossy(&line));
        }
    }
}

#[derive(Debug)]
struct Kept {
    path: PathBuf,
    clock: Clock,
    file: Option<File>,
    size: u64,
    last: VecDeque<String>,
}

impl Kept {
    fn new(path: PathBuf, clock: Clock) -> Self {
        Self { path, clock, file: None, size: 0, last: VecDeque::new() }
    }

    fn write(&mut self, line: &str) {
        if self.last.len() == LAST {
            self.last.pop_front();
        }
        self.last.push_back(line.to_owned());
        self.keep(line);
    }

    fn keep(&mut self, line: &str) {
        let text = format!("{} {line}\n", self.clock.now());
        // A disk without room loses lines; it must not stop who says them. The next line tries again.
        if self.append(&text).is_err() {
            self.file = None;
        }
    }

    fn append(&mut self, text: &str) -> std::io::Result<()> {
        if self.size >= MAX_FILE {
            self.put_aside()?;
        }
        if self.file.is_none() {
            let file = OpenOptions::new().append(true).create(true).mode(0o600).open(&self.path)?;
            self.size = file.metadata()?.len();
            self.file = Some(file);
        }
        if let Some(file) = &mut self.file {
            file.write_all(text.as_bytes())?;
            self.size += text.len() as u64;
        }
        Ok(())
    }

    fn put_aside(&mut self) -> std::io::Result<()> {
        self.file = None;
        self.size = 0;
        for age in (1..KEPT).rev() {
            let older = put_aside(&self.path, age);
            if older.exists() {
                std::fs::rename(older, put_aside(&self.path, age + 1))?;
            }
        }
        std::fs::rename(&self.path, put_aside(&self.path, 1))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn place() -> Place {
        Place { service: "user-auth".to_owned(), slot: 2 }
    }

    #[test]
    fn files_stay_within_their_bounds_and_the_last_lines_are_at_hand() {
        let data = tempfile::tempdir().unwrap();
        let log = Logs::open(data.path(), Clock::system()).unwrap().of(&place());
        let line = "x".repeat(MAX_LINE);
        for _ in 0..(usize::try_from(MAX_FILE).unwrap() / MAX_LINE) * (KEPT + 3) {
            log.write(&line);
        }
        log.write("the end");
        let mut names: Vec<_> = std::fs::read_dir(folder(data.path()))
            .unwrap()
            .flatten()
            .map(|entry| {
                assert!(entry.metadata().unwrap().len() <= MAX_FILE + 2 * MAX_LINE as u64);
                entry.file_name().into_string().unwrap()
            })
            .collect();
        names.sort();
        let expected: Vec<_> =
            ["", ".1", ".2", ".3", ".4"].map(|age| format!("user-auth.2.log{age}")).into_iter().collect();
        assert_eq!(names, expected);
        assert_eq!(log.last_lines().last().unwrap(), "the end");
        assert_eq!(log.last_lines().len(), LAST);
    }

    #[tokio::test]
    async fn whatever_is_said_is_kept_line_by_line() {
        let data = tempfile::tempdir().unwrap();
        let log = Logs::open(data.path(), Clock::system()).unwrap().of(&place());
        let said = [b"one\ntw\xffo\n".as_slice(), &vec![b'y'; MAX_LINE * 2], b"\nlast"].concat();
        log.clone().keep(said.as_slice()).await;
        let lines = log.last_lines();
        assert_eq!(lines, ["one", "tw\u{fffd}o", &"y".repeat(MAX_LINE), "last"]);
    }
}
