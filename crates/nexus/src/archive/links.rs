//! Second names for files, so that they stay while somebody removes the first.

use std::fs;
use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::Path;

/// Gives every file below `from` a second name at the same place below `to`; those that have it already keep it. Files that go
/// meanwhile are left out.
pub(crate) fn link(from: &Path, to: &Path) -> io::Result<()> {
    let entries = match fs::read_dir(from) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        entries => entries?,
    };
    fs::create_dir_all(to)?;
    for entry in entries {
        let entry = entry?;
        let name = entry.file_name();
        if passes(&name.to_string_lossy()) {
            continue;
        }
        let (first, second) = (entry.path(), to.join(&name));
        match entry.file_type() {
            Ok(kind) if kind.is_dir() => link(&first, &second)?,
            Ok(kind) if kind.is_file() => one(&first, &second)?,
            _ => {}
        }
    }
    Ok(())
}

fn one(first: &Path, second: &Path) -> io::Result<()> {
    match fs::hard_link(first, second) {
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => again(first, second),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        linked => linked,
    }
}

/// Another file may have taken the name since.
fn again(first: &Path, second: &Path) -> io::Result<()> {
    let Ok(found) = fs::metadata(first) else { return Ok(()) };
    if found.ino() == fs::metadata(second)?.ino() {
        return Ok(());
    }
    let aside = second.with_extension("aside");
    match fs::hard_link(first, &aside) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        linked => linked.and_then(|()| fs::rename(&aside, second)),
    }
}

/// Hidden files are no blobs, and neither is one with `#` and a number at its end, which is still being written.
fn passes(name: &str) -> bool {
    let unfinished = name
        .rsplit_once('#')
        .is_some_and(|(_, number)| !number.is_empty() && number.bytes().all(|sign| sign.is_ascii_digit()));
    name.starts_with('.') || unfinished
}

/// Every file below a folder: its path from there with `/` between its parts, its size, and when it was changed last, in
/// microseconds since 1970.
pub(crate) fn walk(folder: &Path, found: &mut Vec<(String, u64, i64)>) -> io::Result<()> {
    below(folder, "", found)
}

fn below(folder: &Path, prefix: &str, found: &mut Vec<(String, u64, i64)>) -> io::Result<()> {
    let entries = match fs::read_dir(folder) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        entries => entries?,
    };
    for entry in entries {
        let entry = entry?;
        let name = entry.file_name();
        let name = name.to_str().ok_or_else(|| io::Error::other(format!("{} is no text", entry.path().display())))?;
        let path = format!("{prefix}{name}");
        let metadata = entry.metadata()?;
        if metadata.is_dir() {
            below(&entry.path(), &format!("{path}/"), found)?;
        } else if metadata.is_file() {
            found.push((path, metadata.len(), metadata.mtime() * 1_000_000 + metadata.mtime_nsec() / 1_000));
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_stay_under_their_second_names_and_new_ones_join_them() {
        let place = tempfile::tempdir().unwrap();
        let (from, to) = (place.path().join("from"), place.path().join("to"));
        fs::create_dir_all(from.join("a")).unwrap();
        for (name, content) in [("a/one", "1"), ("two", "2"), (".hidden", "3"), ("four#12", "4")] {
            fs::write(from.join(name), content).unwrap();
        }
        link(&from, &to).unwrap();
        fs::remove_file(from.join("two")).unwrap();
        fs::write(from.join("new"), "5").unwrap();
        fs::write(from.join("other"), "6").unwrap();
        fs::rename(from.join("other"), from.join("a/one")).unwrap();
        link(&from, &to).unwrap();
        let mut found = Vec::new();
        walk(&to, &mut found).unwrap();
        found.sort();
        let read = |name: &String| fs::read_to_string(to.join(name)).unwrap();
        let found: Vec<_> = found.iter().map(|(name, size, _)| (name.as_str(), *size, read(name))).collect();
        assert_eq!(found, [("a/one", 1, "6".to_owned()), ("new", 1, "5".to_owned()), ("two", 1, "2".to_owned())]);
    }
}
