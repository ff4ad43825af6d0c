//! `nexus restore`: a backup into an empty installation.

use std::process::ExitCode;
use std::sync::Arc;

use anyhow::Context;
use nexus_backup::Summary;
use nexus_kernel::config::Config;
use nexus_kernel::{Timestamp, telemetry};

use super::backup;

pub(super) fn run(config: &Config, at: Option<Timestamp>, snapshot: Option<&str>) -> anyhow::Result<ExitCode> {
    let _telemetry = telemetry::install(&config.telemetry)?;
    let repository = backup::open(config)?;
    let copies = repository.list()?;
    let chosen = choose(&copies, at, snapshot)?;
    let copy = Arc::new(repository.copy(&chosen)?);
    super::import::into_here(config, copy, &format!("Restored backup {chosen}:"))
}

/// The newest, or the newest that is not after a moment, or the one with this id.
fn choose(copies: &[Summary], at: Option<Timestamp>, snapshot: Option<&str>) -> anyhow::Result<String> {
    if let Some(id) = snapshot {
        return Ok(id.to_owned());
    }
    let not_after = |copy: &&Summary| at.is_none_or(|at| copy.taken_at <= at.as_micros());
    let newest = copies.iter().rev().find(not_after).map(|copy| copy.id.clone());
    newest.with_context(|| match (at, copies.first()) {
        (Some(at), Some(first)) => {
            format!("there is no backup of {at} or before; the oldest is of {}", Timestamp::from_micros(first.taken_at))
        }
        _ => "there are no backups yet; `nexus backup` makes one".to_owned(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn copy(id: &str, taken_at: i64) -> Summary {
        Summary { id: id.to_owned(), taken_at, host: String::new(), files: 0, bytes: 0, added: 0 }
    }

    #[test]
    fn the_newest_is_chosen_that_is_not_after_the_moment() {
        let copies = [copy("a", 10), copy("b", 20), copy("c", 30)];
        let at = |micros| Some(Timestamp::from_micros(micros));
        assert_eq!(choose(&copies, None, None).unwrap(), "c");
        assert_eq!(choose(&copies, at(29), None).unwrap(), "b");
        assert_eq!(choose(&copies, at(20), None).unwrap(), "b");
        assert_eq!(choose(&copies, None, Some("a")).unwrap(), "a");
        assert!(choose(&copies, at(9), None).unwrap_err().to_string().contains("the oldest is of 1970"));
        assert!(choose(&[], None, None).unwrap_err().to_string().contains("nexus backup"));
    }
}
