//! What must be true of the system when everything has settled.

use std::collections::{HashMap, HashSet};
use std::time::Duration;

use nexus_testkit::eventually_within;
use serde::de::DeserializeOwned;
use uuid::Uuid;

use crate::client::Client;
use crate::load::Load;
use crate::wire::{Act, Effect, Entry, PAGE};

/// How long the last events may take to be applied.
const LATE: Duration = Duration::from_mins(2);
/// How many offenders a message names.
const NAMED: usize = 10;

/// Everything that the system holds.
#[derive(Debug, Default)]
struct State {
    entries: Vec<Entry>,
    effects: HashMap<Uuid, i64>,
    acts: Vec<Act>,
}

/// What is wrong, and how much there is in all.
#[derive(Debug, Default)]
pub struct Verdict {
    /// Acknowledged writes that are not there, and entries without their effect.
    pub lost: Vec<String>,
    /// Requests that made two entries, and effects that happened twice or for nothing.
    pub duplicated: Vec<String>,
    /// Acts of leaders that were not leading.
    pub usurped: Vec<String>,
    /// How many acts there are.
    pub acts: usize,
}

impl Verdict {
    /// Panics with what is wrong, if anything is.
    ///
    /// # Panics
    /// When something is.
    pub fn must_be_good(&self, what: &str, seed: u64) {
        let all = [("lost", &self.lost), ("duplicated", &self.duplicated), ("no leader's act", &self.usurped)];
        let wrong: Vec<_> = all.into_iter().filter(|(_, offenders)| !offenders.is_empty()).collect();
        let report = wrong.iter().map(|(kind, offenders)| {
            let named: Vec<_> = offenders.iter().take(NAMED).map(String::as_str).collect();
            format!("{} {kind}: {}", offenders.len(), named.join("; "))
        });
        let report: Vec<_> = report.collect();
        assert!(report.is_empty(), "{what}, with FAULTS_SEED={seed}:\n{}", report.join("\n"));
    }
}

/// Reads everything, once every entry has its effect or it is clear that one never will, and compares.
pub async fn check(load: &Load) -> Verdict {
    let state = settled(load.client()).await;
    let mut verdict = Verdict { acts: state.acts.len(), ..Verdict::default() };
    let log = load.log();
    let ids: HashSet<Uuid> = state.entries.iter().map(|entry| entry.id).collect();
    let mut of_request: HashMap<Uuid, Vec<Uuid>> = HashMap::new();
    for entry in &state.entries {
        of_request.entry(entry.request).or_default().push(entry.id);
        if !state.effects.contains_key(&entry.id) {
            verdict.lost.push(format!("the effect of {}", entry.id));
        }
        if !log.made.contains(&entry.request) {
            verdict.duplicated.push(format!("entry {} of a request that nobody made", entry.id));
        }
    }
    for (request, entry) in log.acknowledged.iter().filter(|(_, entry)| !ids.contains(entry)) {
        verdict.lost.push(format!("entry {entry} of request {request}"));
    }
    for (request, entries) in of_request.iter().filter(|(_, entries)| entries.len() > 1) {
        verdict.duplicated.push(format!("request {request} made {entries:?}"));
    }
    for (id, applied) in &state.effects {
        if *applied != 1 || !ids.contains(id) {
            verdict.duplicated.push(format!("the effect of {id} happened {applied} times"));
        }
    }
    verdict.lost.extend(log.wrong.iter().cloned());
    verdict.usurped = usurped(&state.acts);
    verdict
}

/// Tokens never go back, and each belongs to one process.
fn usurped(acts: &[Act]) -> Vec<String> {
    let mut wrong = Vec::new();
    for pair in acts.windows(2) {
        let [before, after] = pair else { continue };
        if after.token < before.token {
            wrong.push(format!("act {} has token {} after {}", after.number, after.token, before.token));
        }
        if after.token == before.token && after.process != before.process {
            wrong.push(format!(
                "acts {} and {} of two processes have token {}",
                before.number, after.number, after.token
            ));
        }
    }
    wrong
}

async fn settled(client: &Client) -> State {
    let entries: Vec<Entry> = all(client, "entries", Uuid::nil(), |entry: &Entry| entry.id).await;
    let acts = all(client, "acts", 0, |act: &Act| act.number).await;
    let mut effects = HashMap::new();
    let end = tokio::time::Instant::now() + LATE;
    while effects.len() < entries.len() && tokio::time::Instant::now() < end {
        let found = all(client, "effects", Uuid::nil(), |effect: &Effect| effect.id).await;
        effects = found.into_iter().map(|effect| (effect.id, effect.applied)).collect();
    }
    State { entries, effects, acts }
}

async fn all<T: DeserializeOwned, K: ToString>(client: &Client, list: &str, first: K, key: impl Fn(&T) -> K) -> Vec<T> {
    let mut items: Vec<T> = Vec::new();
    let mut after = first.to_string();
    loop {
        let what = format!("{list} to be read");
        let page: Vec<T> = eventually_within(LATE, &what, async || client.page(list, &after).await.ok()).await;
        let complete = page.len() < PAGE;
        items.extend(page);
        if let Some(last) = items.last() {
            after = key(last).to_string();
        }
        if complete {
            return items;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn act(number: i64, token: i64, process: u128) -> Act {
        Act { number, token, process: Uuid::from_u128(process) }
    }

    #[test]
    fn an_act_after_a_newer_token_is_found() {
        assert!(usurped(&[act(1, 1, 7), act(2, 1, 7), act(3, 2, 8), act(4, 3, 7)]).is_empty());
        assert_eq!(usurped(&[act(1, 2, 7), act(2, 1, 8)]).len(), 1);
        assert_eq!(usurped(&[act(1, 2, 7), act(2, 2, 8)]).len(), 1);
    }
}
