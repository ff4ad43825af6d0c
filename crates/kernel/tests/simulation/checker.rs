//! What must be true, read from the files by nobody's help.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use rusqlite::{Connection, OpenFlags};

use crate::services::{LISTENER, Noted, WRITER};

/// Reads the files of a world.
pub(crate) struct Checker {
    writer: Connection,
    listener: Connection,
    cursor: i64,
}

/// An event of the log, or a row that one has caused.
type Pair = (String, String);

impl Checker {
    pub(crate) fn new(folder: &Path) -> Self {
        let open = |service: &str| {
            let path = folder.join("state").join(format!("{service}.sqlite"));
            Connection::open_with_flags(path, OpenFlags::SQLITE_OPEN_READ_ONLY).unwrap()
        };
        Self { writer: open(WRITER), listener: open(LISTENER), cursor: 0 }
    }

    /// At any moment: a cursor only grows, and not beyond the log; and what is not applied is not deleted.
    pub(crate) fn look(&mut self) {
        let cursor = number(&self.listener, "SELECT COALESCE(MAX(position), 0) FROM _cursors");
        let head = number(&self.writer, "SELECT COALESCE(MAX(position), 0) FROM _outbox");
        assert!(cursor <= head, "the cursor is {cursor}, beyond the log's end {head}");
        assert!(cursor >= self.cursor, "the cursor went back from {} to {cursor}", self.cursor);
        self.cursor = cursor;
        let trimmed = self.trimmed();
        assert!(trimmed <= cursor, "events up to {trimmed} were deleted, and the cursor is {cursor}");
    }

    /// The last event that was deleted from the log.
    fn trimmed(&self) -> i64 {
        number(&self.writer, "SELECT COALESCE(MAX(position), 0) FROM trimmed")
    }

    /// Whether the publisher knows who listens: what it deletes before that, nobody was promised.
    pub(crate) fn is_known(&self) -> bool {
        number(&self.writer, "SELECT COUNT(*) FROM _subscribers") > 0
    }

    /// Whether everything has arrived.
    pub(crate) fn is_done(&self) -> bool {
        let head = number(&self.writer, "SELECT COALESCE(MAX(position), 0) FROM _outbox");
        let cursor = number(&self.listener, "SELECT COALESCE(MAX(position), 0) FROM _cursors");
        cursor == head && number(&self.listener, "SELECT COUNT(*) FROM _parked WHERE state = 'waiting'") == 0
    }

    /// How far it is, for whoever reads of a failure.
    pub(crate) fn state(&self) -> String {
        let parked = rows(&self.listener, "SELECT state, key || ' ' || position || ' ' || attempts FROM _parked");
        format!("cursor {}, parked {parked:?}", self.cursor)
    }

    /// In the end; what happened, as a text that is the same for the same story.
    pub(crate) fn settle(&self, acknowledged: &[Noted]) -> String {
        let positions = "SELECT position FROM trimmed UNION ALL SELECT position FROM _outbox ORDER BY position";
        let log = "SELECT key, text FROM (SELECT position, key, text FROM trimmed
                       UNION ALL SELECT position, key, data ->> 'text' FROM _outbox) ORDER BY position";
        let log = rows(&self.writer, log);
        let head = number(&self.writer, "SELECT COALESCE(MAX(position), 0) FROM _outbox");
        assert_eq!(numbers(&self.writer, positions), (1..=head).collect::<Vec<_>>(), "the log has a gap");
        let written: BTreeSet<_> = log.iter().map(|(_, text)| text).collect();
        for event in acknowledged {
            assert!(written.contains(&event.text), "{} was acknowledged and is not in the log", event.text);
        }
        let dead: BTreeSet<_> =
            rows(&self.listener, "SELECT key, data ->> 'text' FROM _parked WHERE state = 'dead'").into_iter().collect();
        let kept = rows(&self.listener, "SELECT key, text FROM kept ORDER BY turn");
        let expected: Vec<_> = log.into_iter().filter(|event| !dead.contains(event)).collect();
        assert_eq!(
            by_key(&kept),
            by_key(&expected),
            "effects are not the log's events, once and in the order of their key"
        );
        let acts = numbers(&self.listener, "SELECT number FROM acts ORDER BY rowid");
        let wanted: Vec<_> = (1..=i64::try_from(acts.len()).unwrap()).collect();
        assert_eq!(acts, wanted, "two leaders acted at once");
        let token = number(&self.listener, "SELECT COALESCE(MAX(token), 0) FROM _leases");
        format!("{kept:?} {dead:?} acts {} token {token} trimmed {}", acts.len(), self.trimmed())
    }

    /// What one life of an observer saw: every event from its first, in order, but for those that were deleted while it stood
    /// still.
    pub(crate) fn check_sight(&self, seen: &[u64]) {
        let trimmed = u64::try_from(self.trimmed()).unwrap();
        for pair in seen.windows(2) {
            let gone = pair[0] < pair[1] && pair[1] <= trimmed + 1;
            assert!(pair[1] == pair[0] + 1 || gone, "an observer saw {seen:?}, and {trimmed} were deleted");
        }
    }

    /// The number of the log's last event.
    pub(crate) fn head(&self) -> u64 {
        u64::try_from(number(&self.writer, "SELECT COALESCE(MAX(position), 0) FROM _outbox")).unwrap()
    }
}

fn by_key(events: &[Pair]) -> BTreeMap<&str, Vec<&str>> {
    let mut all = BTreeMap::<_, Vec<_>>::new();
    for (key, text) in events {
        all.entry(key.as_str()).or_default().push(text.as_str());
    }
    all
}

fn rows(connection: &Connection, sql: &str) -> Vec<Pair> {
    let mut statement = connection.prepare_cached(sql).unwrap();
    let found = statement.query_map([], |row| Ok((row.get(0)?, row.get(1)?))).unwrap();
    found.map(Result::unwrap).collect()
}

fn numbers(connection: &Connection, sql: &str) -> Vec<i64> {
    let mut statement = connection.prepare_cached(sql).unwrap();
    let found = statement.query_map([], |row| row.get(0)).unwrap();
    found.map(Result::unwrap).collect()
}

fn number(connection: &Connection, sql: &str) -> i64 {
    connection.prepare_cached(sql).unwrap().query_row([], |row| row.get(0)).unwrap()
}
