//! How every process is.

use super::Moment;
use super::engine::Engine;
use super::fleet::{Crew, Phase, Place, Process, Rest, Slot};
use super::protocol::{ProcessReport, State};

/// How every process is, by service and instance.
pub(super) fn processes(engine: &Engine) -> Vec<ProcessReport> {
    let mut crews: Vec<&Crew> = engine.fleet.crews().iter().collect();
    crews.sort_by(|a, b| a.service.cmp(&b.service));
    crews.into_iter().flat_map(|crew| of_crew(engine, crew)).collect()
}

fn of_crew(engine: &Engine, crew: &Crew) -> Vec<ProcessReport> {
    let mut reports = Vec::new();
    for slot in &crew.slots {
        let empty = empty(engine, crew, slot);
        if slot.running.is_none() && slot.successor.is_none() {
            reports.push(empty.clone());
        }
        let processes = slot.running.iter().chain(&slot.successor);
        reports.extend(processes.map(|process| with_process(engine, empty.clone(), process)));
    }
    for (number, process) in &crew.leavers {
        let report = ProcessReport { instance: *number, restarts: 0, ..blank(&crew.service) };
        reports.push(with_process(engine, report, process));
    }
    reports.sort_by_key(|report| report.instance);
    reports
}

fn blank(service: &str) -> ProcessReport {
    ProcessReport {
        service: service.to_owned(),
        instance: 0,
        state: State::Waiting,
        pid: None,
        uptime_seconds: None,
        restarts: 0,
        cpu_percent: None,
        memory_bytes: None,
        requests_per_second: None,
        in_flight: None,
        next_try_seconds: None,
        last_end: None,
        last_lines: Vec::new(),
    }
}

fn empty(engine: &Engine, crew: &Crew, slot: &Slot) -> ProcessReport {
    let place = Place { service: crew.service.clone(), slot: slot.number };
    let end = engine.ends.get(&place);
    let until = |moment: Moment| moment.saturating_sub(engine.now()).as_secs();
    ProcessReport {
        instance: slot.number,
        state: if slot.is_crash_looping() { State::CrashLoop } else { State::Waiting },
        restarts: slot.restarts,
        next_try_seconds: match slot.rest {
            Rest::Until(moment) | Rest::CrashLoop(moment) if slot.running.is_none() => Some(until(moment)),
            _ => None,
        },
        last_end: end.map(|end| end.how.clone()),
        last_lines: end.map(|end| end.last_lines.clone()).unwrap_or_default(),
        ..blank(&crew.service)
    }
}

fn with_process(engine: &Engine, report: ProcessReport, process: &Process) -> ProcessReport {
    let state = match process.phase {
        Phase::Ordered | Phase::Starting => State::Starting,
        Phase::Ready { .. } => State::Ready,
        Phase::Leaving { .. } | Phase::Draining { .. } | Phase::Killed => State::Stopping,
    };
    let Some(running) = engine.running.get(&process.id) else { return ProcessReport { state, ..report } };
    ProcessReport {
        state,
        pid: Some(running.pid),
        uptime_seconds: Some(engine.now().saturating_sub(process.started).as_secs()),
        cpu_percent: running.usage.map(|usage| tenths(usage.cores * 100.0)),
        memory_bytes: running.usage.map(|usage| usage.memory),
        requests_per_second: Some(tenths(running.load.requests_per_second)),
        in_flight: Some(tenths(running.load.in_flight)),
        ..report
    }
}

fn tenths(number: f64) -> f64 {
    (number * 10.0).round() / 10.0
}

/// What a process said last, for the end of a message.
pub(super) fn quoted(lines: &[String]) -> String {
    if lines.is_empty() {
        return String::new();
    }
    format!("; it said last:\n  {}", lines.join("\n  "))
}
