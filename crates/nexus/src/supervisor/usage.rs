//! What processes use of the machine.

use std::collections::HashMap;
use std::time::Instant;

use anyhow::anyhow;
use sysinfo::{Pid, ProcessRefreshKind, ProcessesToUpdate, System};

/// What a process uses.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub(super) struct Usage {
    /// Processor time a second, in cores, between the last two looks.
    pub(super) cores: f64,
    /// Memory in use, in bytes.
    pub(super) memory: u64,
}

/// Looks at processes again and again.
pub(super) struct Meter {
    system: System,
    /// Processor time that each had used at the last look, in milliseconds.
    before: HashMap<u32, (Instant, u64)>,
}

impl Meter {
    pub(super) fn new() -> anyhow::Result<Self> {
        let system = System::new().map_err(|error| anyhow!("looking at processes: {error}"))?;
        Ok(Self { system, before: HashMap::new() })
    }

    /// What each of these uses now.
    pub(super) fn look(&mut self, pids: &[u32]) -> HashMap<u32, Usage> {
        let chosen: Vec<Pid> = pids.iter().map(|pid| Pid::from_u32(*pid)).collect();
        let kind = ProcessRefreshKind::nothing().with_cpu().with_memory().without_tasks();
        self.system.refresh_processes_specifics(ProcessesToUpdate::Some(&chosen), true, kind);
        self.before.retain(|pid, _| pids.contains(pid));
        let now = Instant::now();
        let mut usage = HashMap::new();
        for pid in pids {
            let Some(process) = self.system.process(Pid::from_u32(*pid)) else { continue };
            let used = process.accumulated_cpu_time();
            let (at, before) = self.before.insert(*pid, (now, used)).unwrap_or((now, used));
            let passed = now.duration_since(at).as_secs_f64();
            let cores = if passed > 0.0 { seconds(used.saturating_sub(before)) / passed } else { 0.0 };
            usage.insert(*pid, Usage { cores, memory: process.memory() });
        }
        usage
    }
}

#[expect(clippy::cast_precision_loss, reason = "milliseconds of processor time stay far below 2^52")]
fn seconds(milliseconds: u64) -> f64 {
    milliseconds as f64 / 1e3
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_process_uses_memory_and_one_that_is_not_there_uses_nothing() {
        let me = std::process::id();
        let usage = Meter::new().unwrap().look(&[me, u32::MAX - 1]);
        assert_eq!(usage.len(), 1);
        assert!(usage[&me].memory > 1 << 20, "{usage:?}");
    }
}
