//! The machine's clock as a process sees it, moved at will. libfaketime answers the process's own questions for the time of
//! day, so that what reads it is the code that always does; time that only counts on (`CLOCK_MONOTONIC`) stays as it is.

use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicI64, Ordering};

use crate::program::Program;

/// The clock of one process.
#[derive(Debug)]
pub struct FakeClock {
    library: PathBuf,
    file: PathBuf,
    ahead: AtomicI64,
}

impl FakeClock {
    /// A clock that is right; the error says why none can be had. The file tells the library how far it is off.
    pub fn new(file: PathBuf) -> Result<Self, String> {
        let library = library().ok_or("libfaketime is not installed (Debian: faketime)")?;
        let clock = Self { library, file, ahead: AtomicI64::new(0) };
        clock.move_by(0);
        Ok(clock)
    }

    /// Makes it the program's clock.
    pub fn worn_by(&self, program: Program) -> Program {
        program
            .variable("LD_PRELOAD", &self.library)
            .variable("FAKETIME_TIMESTAMP_FILE", &self.file)
            // The library looks into the file again this often, in seconds of real time.
            .variable("FAKETIME_CACHE_DURATION", "1")
            .variable("FAKETIME_DONT_FAKE_MONOTONIC", "1")
            .variable("NO_FAKE_STAT", "1")
    }

    /// Moves it by so many seconds from where it is.
    pub fn move_by(&self, seconds: i64) {
        self.set(self.ahead.load(Ordering::SeqCst) + seconds);
    }

    /// How many seconds it is ahead of the true time.
    pub fn ahead(&self) -> i64 {
        self.ahead.load(Ordering::SeqCst)
    }

    /// Puts it so many seconds ahead of the true time.
    pub fn set(&self, ahead: i64) {
        self.ahead.store(ahead, Ordering::SeqCst);
        let new = self.file.with_extension("new");
        // In one step, so that nobody reads half of it.
        std::fs::write(&new, format!("{ahead:+}s\n")).expect("the suite's folder can be written");
        std::fs::rename(&new, &self.file).expect("the suite's folder can be written");
    }
}

fn library() -> Option<PathBuf> {
    let folders = std::fs::read_dir("/usr/lib").ok()?.flatten().map(|entry| entry.path());
    let places = folders.chain([Path::new("/usr/lib").to_owned(), Path::new("/usr/local/lib").to_owned()]);
    places.map(|folder| folder.join("faketime/libfaketimeMT.so.1")).find(|path| path.exists())
}
