//! The console: the files of web/dist, inside the binary in release builds, read from the folder in others.

use std::borrow::Cow;
use std::path::{Component, Path};

use rust_embed::RustEmbed;

/// Where the console is built; in a fresh clone that is after this program was.
const FOLDER: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../web/dist");

#[derive(RustEmbed)]
#[folder = "../../web/dist"]
#[allow_missing = true]
struct Dist;

/// The console's files.
#[derive(Debug)]
pub(crate) struct Console;

impl backend_api::Assets for Console {
    fn get(&self, path: &str) -> Option<Cow<'static, [u8]>> {
        if cfg!(debug_assertions) {
            // rust-embed would read the folder too, but only one that was there when this was compiled.
            read(Path::new(FOLDER), path).map(Cow::Owned)
        } else {
            Dist::get(path).map(|file| file.data)
        }
    }
}

/// A file below the folder.
fn read(folder: &Path, path: &str) -> Option<Vec<u8>> {
    let below = Path::new(path).components().all(|part| matches!(part, Component::Normal(_)));
    if below { std::fs::read(folder.join(path)).ok() } else { None }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_are_read_from_a_folder_that_was_made_later_and_from_nowhere_else() {
        let place = tempfile::tempdir().unwrap();
        let folder = place.path().join("dist");
        assert_eq!(read(&folder, "index.html"), None);
        std::fs::create_dir_all(folder.join("assets")).unwrap();
        std::fs::write(folder.join("assets/index.js"), "1").unwrap();
        std::fs::write(place.path().join("secret"), "2").unwrap();
        assert_eq!(read(&folder, "assets/index.js").unwrap(), b"1");
        let absolute = place.path().join("secret");
        for path in ["", "assets", "../secret", "assets/../../secret", absolute.to_str().unwrap()] {
            assert_eq!(read(&folder, path), None, "{path}");
        }
    }
}
