//! `nexus ps`: how every process is.

use std::fmt::Write;
use std::path::Path;
use std::process::ExitCode;

use anstyle::{AnsiColor, Style};
use anyhow::bail;

use crate::supervisor::operator::ask;
use crate::supervisor::protocol::{ProcessReport, Reply, Request, State};

const HEADINGS: [&str; 9] = ["SERVICE", "INSTANCE", "STATE", "PID", "UPTIME", "RESTARTS", "CPU", "MEMORY", "REQ/S"];
/// The columns whose numbers stand at the right.
const NUMBERS: [usize; 7] = [1, 3, 4, 5, 6, 7, 8];
const STATE: usize = 2;

pub(super) fn run(data: &Path, json: bool) -> anyhow::Result<ExitCode> {
    let reply = super::runtime()?.block_on(ask(data, &Request::Ps, |_| {}))?;
    let Reply::Processes(reports) = reply else { bail!("the supervisor said something else") };
    let text = if json { format!("{}\n", serde_json::to_string_pretty(&reports)?) } else { table(&reports) };
    super::show(&text)?;
    Ok(ExitCode::SUCCESS)
}

/// The processes as a table, and what is to be said of those that are not well.
fn table(reports: &[ProcessReport]) -> String {
    let rows: Vec<[String; 9]> = reports.iter().map(row).collect();
    let width = |column: usize| rows.iter().map(|row| row[column].len()).max().unwrap_or(0).max(HEADINGS[column].len());
    let widths: Vec<usize> = (0..HEADINGS.len()).map(width).collect();
    let mut text = line(&HEADINGS.map(str::to_owned), &widths, Style::new());
    for (row, report) in rows.iter().zip(reports) {
        text += &line(row, &widths, colour(report.state));
    }
    for report in reports.iter().filter(|report| report.state == State::CrashLoop) {
        text += &explanation(report);
    }
    text
}

fn line(cells: &[String; 9], widths: &[usize], state: Style) -> String {
    let cell = |(column, cell): (usize, &String)| {
        let width = widths[column];
        let padded = if NUMBERS.contains(&column) { format!("{cell:>width$}") } else { format!("{cell:<width$}") };
        if column == STATE { format!("{state}{padded}{state:#}") } else { padded }
    };
    let cells: Vec<String> = cells.iter().enumerate().map(cell).collect();
    format!("{}\n", cells.join("  ").trim_end())
}

fn colour(state: State) -> Style {
    let colour = match state {
        State::Ready => AnsiColor::Green,
        State::Starting | State::Stopping => AnsiColor::Cyan,
        State::Waiting => AnsiColor::Yellow,
        State::CrashLoop => AnsiColor::Red,
    };
    colour.on_default()
}

fn row(report: &ProcessReport) -> [String; 9] {
    fn or_dash<T>(value: Option<T>, show: impl Fn(T) -> String) -> String {
        value.map_or_else(|| "-".to_owned(), show)
    }
    [
        report.service.clone(),
        report.instance.to_string(),
        state(report.state).to_owned(),
        or_dash(report.pid, |pid| pid.to_string()),
        or_dash(report.uptime_seconds, duration),
        report.restarts.to_string(),
        or_dash(report.cpu_percent, |percent| format!("{percent:.1}%")),
        or_dash(report.memory_bytes, |bytes| format!("{} MiB", bytes >> 20)),
        or_dash(report.requests_per_second, |rate| format!("{rate:.1}")),
    ]
}

fn state(state: State) -> &'static str {
    match state {
        State::Starting => "starting",
        State::Ready => "ready",
        State::Stopping => "stopping",
        State::Waiting => "waiting",
        State::CrashLoop => "crash-loop",
    }
}

/// The two largest units: `3d 4h`, `12m 5s`.
fn duration(seconds: u64) -> String {
    match seconds {
        0..60 => format!("{seconds}s"),
        60..3_600 => format!("{}m {}s", seconds / 60, seconds % 60),
        3_600..86_400 => format!("{}h {}m", seconds / 3_600, seconds % 3_600 / 60),
        _ => format!("{}d {}h", seconds / 86_400, seconds % 86_400 / 3_600),
    }
}

fn explanation(report: &ProcessReport) -> String {
    let mut text = format!("\n{}.{} dies again and again", report.service, report.instance);
    if let Some(end) = &report.last_end {
        // Writing to a string does not fail.
        let _ = write!(text, " ({end})");
    }
    if let Some(seconds) = report.next_try_seconds {
        let _ = write!(text, ", next try in {}", duration(seconds));
    }
    text += ". `nexus restart` tries at once. It said last:\n";
    for line in &report.last_lines {
        let _ = writeln!(text, "  {line}");
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    fn report(service: &str, state: State) -> ProcessReport {
        let well = state == State::Ready;
        ProcessReport {
            service: service.to_owned(),
            instance: 1,
            state,
            pid: well.then_some(4_711),
            uptime_seconds: well.then_some(3_725),
            restarts: 2,
            cpu_percent: well.then_some(12.34),
            memory_bytes: well.then_some(20 << 20),
            requests_per_second: well.then_some(3.0),
            in_flight: well.then_some(0.0),
            next_try_seconds: (!well).then_some(42),
            last_end: Some("exit status: 1".to_owned()),
            last_lines: vec!["nexus: the disk is full".to_owned()],
        }
    }

    #[test]
    fn a_crash_loop_is_told_with_its_last_words_and_what_to_do() {
        let text = table(&[report("auth-service", State::Ready), report("user-auth", State::CrashLoop)]);
        let plain = anstream::adapter::strip_str(&text).to_string();
        let lines: Vec<&str> = plain.lines().collect();
        assert_eq!(lines[0], "SERVICE       INSTANCE  STATE        PID  UPTIME  RESTARTS    CPU  MEMORY  REQ/S");
        assert_eq!(lines[1], "auth-service         1  ready       4711   1h 2m         2  12.3%  20 MiB    3.0");
        assert_eq!(lines[2], "user-auth            1  crash-loop     -       -         2      -       -      -");
        assert_eq!(
            lines[4..],
            [
                "user-auth.1 dies again and again (exit status: 1), next try in 42s. `nexus restart` tries at once. It said last:",
                "  nexus: the disk is full"
            ]
        );
    }
}
