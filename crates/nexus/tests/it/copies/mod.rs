//! Copies of whole installations: exported, imported, backed up, restored.

mod journey;
mod load;
mod moving;
mod repository;

use std::path::Path;
use std::process::Output;

use serde_json::Value;
use tempfile::TempDir;

use crate::program::{nexus, nexus_with, stderr, stdout};

/// Reads backups; it must not be found in clear anywhere.
const PASSWORD: &str = "the password of these backups";

/// Where an installation of a test is, and what it runs on.
struct Place {
    folder: TempDir,
}

impl Place {
    /// An empty one on SQLite and folders, with a repository for its backups.
    fn new(repository: &Path) -> Self {
        Self::with(repository, "")
    }

    /// An empty one with more settings.
    fn with(repository: &Path, settings: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let text = format!(
            "{settings}\n[gateway]\nrequests_per_second = 100000.0\nburst = 100000\nsign_in_per_minute = 100000\n\
             [backup]\nrepository = \"{}\"\n",
            repository.display()
        );
        std::fs::write(folder.path().join("nexus.toml"), text).unwrap();
        Self { folder }
    }

    fn path(&self) -> &Path {
        self.folder.path()
    }

    /// Takes over another place's master key, that no copy holds, as its operator would.
    fn take_master_key(&self, from: &Self) {
        let key = "data/keys/master.key";
        std::fs::create_dir_all(self.path().join("data/keys")).unwrap();
        std::fs::copy(from.path().join(key), self.path().join(key)).unwrap();
    }

    /// A command that must succeed; what it printed.
    fn run(&self, arguments: &[&str]) -> String {
        let output = self.try_run(arguments);
        assert!(output.status.success(), "{arguments:?}: {}", stderr(&output));
        stdout(&output)
    }

    fn try_run(&self, arguments: &[&str]) -> Output {
        nexus_with(self.path(), arguments, &[("NEXUS_BACKUP__PASSWORD", PASSWORD)], "")
    }

    /// Why a command did not succeed.
    fn refusal(&self, arguments: &[&str]) -> String {
        let output = self.try_run(arguments);
        assert_eq!(output.status.code(), Some(1), "{arguments:?}: {}", stdout(&output));
        stderr(&output)
    }

    /// The folder of an export of its own, and what the export's manifest says.
    fn export(&self, name: &str) -> Export {
        let folder = self.path().join(name);
        self.run(&["export", "--to", folder.to_str().unwrap()]);
        let manifest = serde_json::from_slice(&std::fs::read(folder.join("nexus.json")).unwrap()).unwrap();
        Export { folder, manifest }
    }
}

/// An exported installation.
struct Export {
    folder: std::path::PathBuf,
    manifest: Value,
}

impl Export {
    /// What must be the same in every copy: tables with their counts and checksums, and files with theirs.
    fn content(&self) -> Value {
        let mut content = self.manifest.clone();
        let parts = content.as_object_mut().unwrap();
        parts.remove("taken_at");
        for kind in ["blobs", "files"] {
            for file in parts[kind].as_object_mut().unwrap().values_mut() {
                file.as_object_mut().unwrap().remove("changed_at");
            }
        }
        content
    }

    /// The rows of a table, by the names of their columns.
    fn rows(&self, service: &str, table: &str) -> Vec<Value> {
        let text = std::fs::read_to_string(self.folder.join(format!("data/{service}/{table}.jsonl"))).unwrap();
        let mut lines = text.lines().map(|line| serde_json::from_str::<Value>(line).unwrap());
        let head = lines.next().unwrap();
        let names: Vec<_> = head["columns"].as_array().unwrap().iter().map(|column| column["name"].clone()).collect();
        let row = |values: Value| -> Value {
            let pairs = names.iter().zip(values.as_array().unwrap().clone());
            pairs
                .map(|(name, value)| (name.as_str().unwrap().to_owned(), value))
                .collect::<serde_json::Map<_, _>>()
                .into()
        };
        lines.filter(Value::is_array).map(row).collect()
    }

    /// No service has applied an event that its publisher had not published, at the moment of this copy.
    fn assert_of_one_moment(&self) {
        let services = self.manifest["services"].as_object().unwrap();
        let mut compared = 0;
        for (name, service) in services {
            for (source, position) in service["cursors"].as_object().unwrap() {
                let head = services[source]["head"].as_i64().unwrap();
                assert!(
                    position.as_i64().unwrap() <= head,
                    "{name} is at {position} of {source}, which ends at {head}"
                );
                compared += 1;
            }
        }
        assert!(compared > 3, "{services:?}");
    }
}

#[test]
fn without_a_repository_or_a_password_it_is_said_what_to_set() {
    let folder = tempfile::tempdir().unwrap();
    let none = nexus(folder.path(), &["backup"]);
    assert!(stderr(&none).contains("backup.repository is not set"), "{}", stderr(&none));
    let variables = [("NEXUS_BACKUP__REPOSITORY", "/tmp")];
    let no_password = nexus_with(folder.path(), &["restore"], &variables, "");
    assert!(stderr(&no_password).contains("backup.password is not set"), "{}", stderr(&no_password));
}
