//! What a run found, as a table in Markdown.

use std::fmt;
use std::time::Duration;

/// One fault's row.
#[derive(Debug, Clone)]
pub struct Line {
    /// What happened.
    pub fault: String,
    /// How often.
    pub repetitions: usize,
    /// Requests that clients sent meanwhile.
    pub requests: usize,
    /// Those that had no answer, or a bad one.
    pub errors: usize,
    /// See [`crate::checker::Verdict`].
    pub lost: usize,
    /// See [`crate::checker::Verdict`].
    pub duplicated: usize,
    /// Acts of leaders, all of which led.
    pub acts: usize,
    /// How long after each fault's end a write succeeded and had its effect.
    pub recoveries: Vec<Duration>,
    /// Why it did not happen here.
    pub skipped: Option<String>,
}

impl Line {
    /// A fault that can't happen here.
    pub fn skipped(fault: &str, reason: String) -> Self {
        let fault = fault.to_owned();
        let (requests, errors, lost, duplicated) = (0, 0, 0, 0);
        Self {
            fault,
            repetitions: 0,
            requests,
            errors,
            lost,
            duplicated,
            acts: 0,
            recoveries: Vec::new(),
            skipped: Some(reason),
        }
    }
}

/// The rows of one system.
#[derive(Debug, Clone, Default)]
pub struct Table {
    /// What the system stands on.
    pub title: String,
    /// In the order in which they happened.
    pub lines: Vec<Line>,
}

impl fmt::Display for Table {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "\n{}\n", self.title)?;
        writeln!(
            f,
            "| fault | repetitions | requests | errors seen by clients | lost | duplicated | leader's acts | \
             time to recover: median | max |"
        )?;
        writeln!(f, "| --- | ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: |")?;
        for line in &self.lines {
            line.fmt(f)?;
        }
        Ok(())
    }
}

impl fmt::Display for Line {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(reason) = &self.skipped {
            return writeln!(f, "| {} | skipped: {reason} | | | | | | | |", self.fault);
        }
        let mut sorted = self.recoveries.clone();
        sorted.sort_unstable();
        let at =
            |index: usize| sorted.get(index).map_or_else(String::new, |time| format!("{:.2} s", time.as_secs_f64()));
        let (median, max) = (at(sorted.len().saturating_sub(1) / 2), at(sorted.len().saturating_sub(1)));
        let Self { fault, repetitions, requests, errors, lost, duplicated, acts, .. } = self;
        writeln!(
            f,
            "| {fault} | {repetitions} | {requests} | {errors} | {lost} | {duplicated} | {acts} | {median} | {max} |"
        )
    }
}
