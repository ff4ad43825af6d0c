//! Which copies stay.

use rustic_core::jiff::tz::TimeZone;
use rustic_core::jiff::{Span, Timestamp};
use rustic_core::{KeepOptions, OpenStatus, PruneOptions, Repository as Rustic};

use crate::BackupError;

/// How many copies stay: a copy stays when one of these keeps it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Keep {
    /// The newest so many.
    pub last: Option<u32>,
    /// The last of each of the newest so many hours that have one.
    pub hourly: Option<u32>,
    /// The same for days.
    pub daily: Option<u32>,
    /// The same for weeks.
    pub weekly: Option<u32>,
    /// The same for months.
    pub monthly: Option<u32>,
}

/// What was removed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Pruned {
    /// How many copies stay.
    pub kept: usize,
    /// How many went.
    pub removed: usize,
}

impl Keep {
    /// Whether anything is kept at all.
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }

    fn options(&self) -> KeepOptions {
        let number = |count: Option<u32>| count.map(|count| i32::try_from(count).unwrap_or(i32::MAX));
        KeepOptions::default()
            .keep_last(number(self.last))
            .keep_hourly(number(self.hourly))
            .keep_daily(number(self.daily))
            .keep_weekly(number(self.weekly))
            .keep_monthly(number(self.monthly))
    }
}

pub(crate) fn prune(repository: &Rustic<OpenStatus>, keep: &Keep, now: Timestamp) -> Result<Pruned, BackupError> {
    let copies = repository.get_all_snapshots()?;
    let judged = keep.options().apply(copies, &now.to_zoned(TimeZone::UTC))?;
    let going: Vec<_> = judged.iter().filter(|copy| !copy.keep).map(|copy| copy.snapshot.id).collect();
    repository.delete_snapshots(&going)?;
    // Nobody else uses the repository, so that nothing has to be kept for one who might.
    let options = PruneOptions::default().keep_delete(Span::new()).instant_delete(true);
    let plan = repository.prune_plan(&options)?;
    repository.prune(&options, plan)?;
    Ok(Pruned { kept: judged.len() - going.len(), removed: going.len() })
}
