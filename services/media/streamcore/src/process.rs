//! ffmpeg and ffprobe as child processes: no input, killed when nobody waits for them any more, and with a time limit.

use std::ffi::OsString;
use std::os::unix::process::ExitStatusExt;
use std::path::Path;
use std::process::{ExitStatus, Stdio};
use std::time::Duration;

use tokio::io::{AsyncBufReadExt, AsyncRead, AsyncReadExt, BufReader};
use tokio::process::{Child, Command};

/// How much of what a program says about its errors is kept: the end, in bytes.
const TAIL_BYTES: usize = 4_096;
/// The most that ffprobe may print, in bytes.
const REPORT_BYTES: u64 = 1 << 20;

/// A program that did not do its work.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ProcessError {
    #[error("{program} can't be started: {reason}")]
    NotStarted { program: String, reason: std::io::Error },
    /// It ended by itself and says that it failed.
    #[error("it failed: {complaints}")]
    Failed { complaints: String },
    /// Somebody ended it: the system when memory runs out, for one.
    #[error("it was killed by signal {signal}")]
    Killed { signal: i32 },
    #[error("it took longer than {} seconds", .0.as_secs())]
    TimedOut(Duration),
    #[error("talking to it: {0}")]
    Pipe(#[from] std::io::Error),
}

/// Runs a program whose output is lines, and gives each to `on_line`. Returns the end of what it complained about.
pub(crate) async fn follow(
    program: &Path,
    arguments: &[OsString],
    limit: Duration,
    mut on_line: impl FnMut(&str) + Send,
) -> Result<String, ProcessError> {
    let mut child = spawn(program, arguments)?;
    let (stdout, stderr) = (child.stdout.take(), child.stderr.take());
    let reading = async {
        let Some(stdout) = stdout else { return Ok(()) };
        let mut lines = BufReader::new(stdout).lines();
        while let Some(line) = lines.next_line().await? {
            on_line(&line);
        }
        Ok::<(), std::io::Error>(())
    };
    let work = async { tokio::try_join!(reading, tail(stderr), child.wait()) };
    let ((), complaints, status) =
        tokio::time::timeout(limit, work).await.map_err(|_| ProcessError::TimedOut(limit))??;
    judge(status, complaints)
}

/// Runs a program and returns what it printed.
pub(crate) async fn capture(program: &Path, arguments: &[OsString], limit: Duration) -> Result<Vec<u8>, ProcessError> {
    let mut child = spawn(program, arguments)?;
    let (stdout, stderr) = (child.stdout.take(), child.stderr.take());
    let reading = async {
        let mut report = Vec::new();
        if let Some(stdout) = stdout {
            stdout.take(REPORT_BYTES).read_to_end(&mut report).await?;
        }
        Ok::<_, std::io::Error>(report)
    };
    let work = async { tokio::try_join!(reading, tail(stderr), child.wait()) };
    let (report, complaints, status) =
        tokio::time::timeout(limit, work).await.map_err(|_| ProcessError::TimedOut(limit))??;
    judge(status, complaints).map(|_| report)
}

fn spawn(program: &Path, arguments: &[OsString]) -> Result<Child, ProcessError> {
    Command::new(program)
        .args(arguments)
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .kill_on_drop(true)
        .spawn()
        .map_err(|reason| ProcessError::NotStarted { program: program.display().to_string(), reason })
}

fn judge(status: ExitStatus, complaints: String) -> Result<String, ProcessError> {
    match status.signal() {
        Some(signal) => Err(ProcessError::Killed { signal }),
        None if status.success() => Ok(complaints),
        None => Err(ProcessError::Failed { complaints }),
    }
}

/// Reads to the end and keeps the last part: programs say what matters last, and may say much.
async fn tail(pipe: Option<impl AsyncRead + Unpin>) -> std::io::Result<String> {
    let Some(mut pipe) = pipe else { return Ok(String::new()) };
    let (mut kept, mut chunk) = (Vec::new(), [0_u8; 1_024]);
    loop {
        let count = pipe.read(&mut chunk).await?;
        if count == 0 {
            return Ok(String::from_utf8_lossy(&kept).into_owned());
        }
        kept.extend_from_slice(&chunk[..count]);
        let surplus = kept.len().saturating_sub(TAIL_BYTES);
        kept.drain(..surplus);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::encode::texts;

    async fn shell(script: &str, limit: Duration) -> (Vec<String>, Result<String, ProcessError>) {
        let mut lines = Vec::new();
        let ended = follow(Path::new("sh"), &texts(&["-c", script]), limit, |line| lines.push(line.to_owned())).await;
        (lines, ended)
    }

    const LONG: Duration = Duration::from_secs(20);

    #[tokio::test]
    async fn lines_arrive_and_complaints_are_kept() {
        let (lines, ended) = shell("echo one; echo two; echo careful >&2", LONG).await;
        assert_eq!(lines, ["one", "two"]);
        assert_eq!(ended.unwrap(), "careful\n");
    }

    #[tokio::test]
    async fn a_failure_carries_the_end_of_its_complaints_only() {
        let (_, ended) = shell("yes noise | head -n 20000 >&2; echo the reason >&2; exit 3", LONG).await;
        let Err(ProcessError::Failed { complaints }) = ended else { panic!("{ended:?}") };
        assert!(complaints.ends_with("the reason\n") && complaints.len() <= TAIL_BYTES);
    }

    #[tokio::test]
    async fn a_program_that_hangs_is_killed_at_its_limit() {
        let (_, ended) = shell("sleep 600", Duration::from_millis(100)).await;
        assert!(matches!(ended, Err(ProcessError::TimedOut(_))));
        let (_, ended) = shell("kill -9 $$", LONG).await;
        assert!(matches!(ended, Err(ProcessError::Killed { signal: 9 })));
    }

    #[tokio::test]
    async fn a_missing_program_is_named() {
        let ended = capture(Path::new("/nowhere/ffprobe"), &[], LONG).await;
        assert!(ended.unwrap_err().to_string().contains("/nowhere/ffprobe"));
    }
}
