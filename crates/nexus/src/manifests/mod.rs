//! The files with which others run this build's services, one container each. They are made from `services.toml` and the
//! list of services of this build, so that they can not say something else: `nexus manifests` writes them, and a test fails
//! when those in `deploy/` are not what it writes.

mod certificates;
mod compose;
mod cycles;
mod kubernetes;
mod needs;
mod network;
mod workload;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use anyhow::Context;
use nexus_kernel::registry::{Registry, ServiceEntry};
use serde_json::Value;

/// The service that faces the world.
const GATEWAY: &str = "backend-api";
/// Whose keys every service fetches to verify tokens.
const KEY_PUBLISHER: &str = "token-mgr";
/// The service by which the kernel of every service seals columns.
const KEY_KEEPER: &str = "key-service";
/// The port with health and metrics in plain HTTP; `telemetry.listen`.
const TELEMETRY_PORT: u16 = 9464;
/// What stands at the beginning of each file.
const HEADER: &str = "# Made by `nexus manifests`: change what it is made from, and run it again.\n";

/// For what the files are.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum Target {
    /// The base of `deploy/kubernetes`.
    Kubernetes,
    /// `deploy/compose/services.yaml`.
    Compose,
}

/// Files by their path below `deploy/`.
pub(crate) type Files = BTreeMap<PathBuf, String>;

/// The files for this target.
pub(crate) fn make(target: Target, names: &[&str]) -> anyhow::Result<Files> {
    let services: Vec<_> = names.iter().filter_map(|name| Registry::built_in().service(name)).collect();
    match target {
        Target::Kubernetes => kubernetes::files(&services),
        Target::Compose => compose::files(&services),
    }
}

/// Writes them, and removes what an earlier run wrote for a service that is no more.
pub(crate) fn write(files: &Files, root: &Path) -> anyhow::Result<()> {
    for (path, text) in files {
        let path = root.join(path);
        let folder = path.parent().context("every file has a folder")?;
        std::fs::create_dir_all(folder).with_context(|| format!("making {}", folder.display()))?;
        std::fs::write(&path, text).with_context(|| format!("writing {}", path.display()))?;
    }
    for path in stale(files, root)? {
        std::fs::remove_file(&path).with_context(|| format!("removing {}", path.display()))?;
    }
    Ok(())
}

/// What stands beside these files, was made by us, and is not among them.
fn stale(files: &Files, root: &Path) -> anyhow::Result<Vec<PathBuf>> {
    let mut found = Vec::new();
    let folders: std::collections::BTreeSet<_> = files.keys().filter_map(|path| path.parent()).collect();
    for folder in folders {
        let listed = std::fs::read_dir(root.join(folder)).with_context(|| format!("reading {}", folder.display()))?;
        for entry in listed {
            let entry = entry?;
            let made = std::fs::read_to_string(entry.path()).is_ok_and(|text| text.starts_with(HEADER));
            if made && !files.contains_key(&folder.join(entry.file_name())) {
                found.push(entry.path());
            }
        }
    }
    Ok(found)
}

/// The documents of one file.
fn yaml(documents: &[Value]) -> anyhow::Result<String> {
    let mut text = HEADER.to_owned();
    for (place, document) in documents.iter().enumerate() {
        if place > 0 {
            text.push_str("---\n");
        }
        text.push_str(&serde_saphyr::to_string(document)?);
    }
    Ok(text)
}

/// Where its mesh side listens: the gateway's declared port is the one for people.
fn mesh_port(service: &ServiceEntry) -> u16 {
    if service.name == GATEWAY { service.port + 1_000 } else { service.port }
}

/// Whether one service calls another, or fetches its events.
fn calls(caller: &ServiceEntry, other: &ServiceEntry) -> bool {
    let kernels = [KEY_PUBLISHER, KEY_KEEPER].contains(&other.name.as_str());
    caller.name != other.name && (kernels || caller.deps.iter().any(|dep| *dep == other.name || dep == "*"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::compose as build;

    fn deploy() -> PathBuf {
        Path::new(env!("CARGO_MANIFEST_DIR")).join("../../deploy")
    }

    #[test]
    fn the_files_in_deploy_are_what_this_build_writes() {
        for target in [Target::Kubernetes, Target::Compose] {
            let files = make(target, &build::names()).unwrap();
            for (path, text) in &files {
                let there = std::fs::read_to_string(deploy().join(path)).unwrap_or_default();
                assert_eq!(there, *text, "{} is out of date: run `nexus manifests`", path.display());
            }
            assert_eq!(stale(&files, &deploy()).unwrap(), Vec::<PathBuf>::new(), "run `nexus manifests`");
        }
    }

    #[test]
    fn what_an_earlier_run_wrote_for_a_service_that_is_gone_is_removed_and_nothing_else() {
        let folder = tempfile::tempdir().unwrap();
        let all = make(Target::Kubernetes, &["backend-api", "token-mgr", "session-mgr"]).unwrap();
        write(&all, folder.path()).unwrap();
        let base = folder.path().join("kubernetes/base");
        std::fs::write(base.join("by-hand.yaml"), "kind: ConfigMap\n").unwrap();
        write(&make(Target::Kubernetes, &["backend-api", "token-mgr"]).unwrap(), folder.path()).unwrap();
        assert!(!base.join("session-mgr.yaml").exists() && base.join("token-mgr.yaml").exists());
        assert!(base.join("by-hand.yaml").exists());
    }

    #[test]
    fn everybody_calls_whom_they_declare_and_who_has_the_keys() {
        let entry = |name| Registry::built_in().service(name).unwrap();
        assert!(calls(entry("auth-service"), entry("user-auth")) && calls(entry("backend-api"), entry("streamcore")));
        assert!(calls(entry("streamcore"), entry("token-mgr")), "for the keys");
        assert!(!calls(entry("user-auth"), entry("auth-service")) && !calls(entry("token-mgr"), entry("token-mgr")));
    }
}
