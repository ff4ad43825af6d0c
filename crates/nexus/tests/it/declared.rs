//! What services.toml declares and what the code does agree.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use nexus_kernel::registry::Registry;

use crate::program::{nexus, root, stdout};

fn built() -> BTreeSet<String> {
    let folder = tempfile::tempdir().unwrap();
    let text = stdout(&nexus(folder.path(), &["services"]));
    text.lines().skip(1).filter_map(|line| line.split_whitespace().next()).map(str::to_owned).collect()
}

fn rust_files(folder: &Path, found: &mut Vec<PathBuf>) {
    for entry in std::fs::read_dir(folder).into_iter().flatten().flatten() {
        let path = entry.path();
        if path.is_dir() {
            rust_files(&path, found);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            found.push(path);
        }
    }
}

#[test]
fn every_service_of_the_build_is_declared_and_lives_in_its_domains_folder() {
    let services = built();
    assert!(services.len() >= 9, "{services:?}");
    for name in services {
        let entry = Registry::built_in().service(&name).unwrap_or_else(|| panic!("{name} is not declared"));
        let folder = root().join("services").join(&entry.domain).join(&name);
        assert!(folder.join("src/lib.rs").is_file(), "{} is missing", folder.display());
    }
}

#[test]
fn every_operation_is_reached_through_its_own_services_prefix_and_has_an_id_of_its_own() {
    let folder = tempfile::tempdir().unwrap();
    let document: serde_json::Value = serde_json::from_str(&stdout(&nexus(folder.path(), &["openapi"]))).unwrap();
    let mut seen: BTreeMap<String, String> = BTreeMap::new();
    for (path, item) in document["paths"].as_object().unwrap() {
        for (method, operation) in item.as_object().unwrap().iter().filter(|(_, value)| value["responses"].is_object())
        {
            let id = operation["operationId"].as_str().unwrap_or_else(|| panic!("{method} {path} has no operationId"));
            let earlier = seen.insert(id.to_owned(), path.clone());
            assert!(earlier.is_none(), "{id} names both {path} and {}", earlier.unwrap_or_default());
            let owner = Registry::built_in().route(path).map_or("backend-api", |entry| entry.name.as_str());
            let tags = operation["tags"].as_array().cloned().unwrap_or_default();
            assert!(tags.iter().any(|tag| tag == owner), "{method} {path} belongs to {owner}, its tags are {tags:?}");
        }
    }
    assert!(seen.len() > 30, "only {} operations", seen.len());
}

/// The names by which other services speak to this one: its typed client, and its events.
fn spoken_names(service: &str) -> Vec<String> {
    let file = root().join("crates/contracts/src").join(format!("{}.rs", service.replace('-', "_")));
    let text = std::fs::read_to_string(file).unwrap_or_default();
    let after = |marker: &str| -> Vec<String> {
        let name = |rest: &str| rest.split(|next: char| !next.is_alphanumeric()).next().unwrap_or_default().to_owned();
        text.lines().filter_map(|line| line.strip_prefix(marker).map(name)).collect()
    };
    let clients = after("pub struct ").into_iter().filter(|name| text.contains(&format!("pub struct {name}<'a>")));
    clients.chain(after("impl Event for ")).collect()
}

#[test]
fn a_service_speaks_only_to_the_services_that_it_declares() {
    let spoken: Vec<_> = Registry::built_in().services.iter().map(|other| (other, spoken_names(&other.name))).collect();
    assert!(spoken.iter().map(|(_, names)| names.len()).sum::<usize>() > 10, "{spoken:?}");
    for name in built() {
        let entry = Registry::built_in().service(&name).unwrap();
        let mut files = Vec::new();
        rust_files(&root().join("services").join(&entry.domain).join(&name).join("src"), &mut files);
        let words = |file: &PathBuf| -> BTreeSet<String> {
            let text = std::fs::read_to_string(file).unwrap();
            text.split(|next: char| !next.is_alphanumeric()).map(str::to_owned).collect()
        };
        let words: BTreeSet<String> = files.iter().flat_map(words).collect();
        for (other, names) in spoken.iter().filter(|(other, _)| other.name != name) {
            let allowed = entry.deps.iter().any(|dep| *dep == other.name || dep == "*");
            let used = names.iter().find(|name| words.contains(*name));
            assert!(
                allowed || used.is_none(),
                "{name} uses {used:?} of {}, which services.toml does not name",
                other.name
            );
        }
    }
}

#[test]
fn the_readmes_table_tells_what_is_built() {
    let readme = std::fs::read_to_string(root().join("README.md")).unwrap();
    let (_, rest) = readme.split_once("<!-- services:begin -->").expect("the table begins");
    let (table, _) = rest.split_once("<!-- services:end -->").expect("the table ends");
    let services = built();
    for entry in &Registry::built_in().services {
        let row = table
            .lines()
            .map(|line| line.split('|').map(|cell| cell.trim().trim_matches('`')).collect::<Vec<_>>())
            .find(|cells| cells.get(1) == Some(&entry.name.as_str()))
            .unwrap_or_else(|| panic!("the README does not list {}", entry.name));
        assert_eq!((row[2], row[3]), (entry.domain.as_str(), entry.port.to_string().as_str()), "{}", entry.name);
        assert_eq!(row[4] == "not built yet", !services.contains(&entry.name), "{}: {}", entry.name, row[4]);
    }
}
