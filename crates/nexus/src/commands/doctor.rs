//! `nexus doctor`: what is wrong on this machine, and how to mend it.

mod discovery;

use std::fmt::Write;
use std::net::TcpListener;
use std::path::Path;
use std::process::{Command, ExitCode, Stdio};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use nexus_kernel::Clock;
use nexus_kernel::blobs::Blobs;
use nexus_kernel::config::Config;
use nexus_kernel::runtime::store_of;
use nexus_kernel::store::Store;

/// Less free space than this is a finding, in bytes.
const LITTLE_SPACE: u64 = 2 << 30;

/// A check's outcome: `Err` says what is wrong and how to mend it.
type Finding = Result<String, String>;

pub(super) fn run(config: &Config) -> anyhow::Result<ExitCode> {
    let runtime = super::runtime()?;
    let checks = [
        ("port", port(config)),
        ("data folder", folder(&config.data)),
        ("disk", disk(&config.data)),
        ("clock", clock()),
        ("database", runtime.block_on(database(config))),
        ("bus", runtime.block_on(bus(config))),
        ("discovery", runtime.block_on(discovery::check(config))),
        ("files", runtime.block_on(files(config))),
        ("ffmpeg", program(&config.media.ffmpeg)),
        ("ffprobe", program(&config.media.ffprobe)),
    ];
    let mut text = String::new();
    for (name, finding) in &checks {
        let (mark, words) = match finding {
            Ok(words) => ("ok  ", words),
            Err(words) => ("FAIL", words),
        };
        writeln!(text, "{mark} {name:<12} {words}")?;
    }
    super::print(&text)?;
    let healthy = checks.iter().all(|(_, finding)| finding.is_ok());
    Ok(if healthy { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

fn port(config: &Config) -> Finding {
    match TcpListener::bind(config.listen) {
        Ok(_) => Ok(format!("{} is free", config.listen)),
        Err(error) => Err(format!(
            "{}: {error}; stop what listens there (ss -ltnp shows it) or choose another with --listen",
            config.listen
        )),
    }
}

fn folder(data: &Path) -> Finding {
    let probe = data.join(".doctor");
    crate::folder::make(data)
        .and_then(|()| std::fs::write(&probe, b"x"))
        .and_then(|()| std::fs::remove_file(&probe))
        .map(|()| format!("{} can be written", data.display()))
        .map_err(|error| {
            format!(
                "{}: {error}; give this user the right to write there or choose another with --data",
                data.display()
            )
        })
}

fn disk(data: &Path) -> Finding {
    let output = Command::new("df").args(["-Pk", "--"]).arg(data).output();
    let text = output.map(|output| String::from_utf8_lossy(&output.stdout).into_owned()).unwrap_or_default();
    let free = text
        .lines()
        .nth(1)
        .and_then(|line| line.split_whitespace().nth(3))
        .and_then(|kibibytes| kibibytes.parse::<u64>().ok())
        .map(|kibibytes| kibibytes * 1024)
        .ok_or_else(|| "the free space can not be told: `df -Pk` did not answer".to_owned())?;
    let words = format!("{} MiB free", free >> 20);
    if free < LITTLE_SPACE {
        Err(format!("only {words}; uploads and transcodes need at least {} MiB", LITTLE_SPACE >> 20))
    } else {
        Ok(words)
    }
}

/// A clock before this build's year, 2026, ends tokens at once and breaks certificates.
fn clock() -> Finding {
    let built = Duration::from_hours(490_896);
    match SystemTime::now().duration_since(UNIX_EPOCH) {
        Ok(now) if now >= built => Ok("plausible".to_owned()),
        _ => Err("the clock stands before 2026; set it, or start a time service (timedatectl set-ntp true)".to_owned()),
    }
}

async fn database(config: &Config) -> Finding {
    let url = config.store.postgres.expose();
    if url.is_empty() {
        return Ok(format!("SQLite in {}", config.data.join("state").display()));
    }
    let opened = Store::open(store_of(config, "doctor"), "doctor", Clock::system()).await;
    let answered = match &opened {
        Ok(store) => store.encryption().await.map_err(|error| error.to_string()),
        Err(error) => Err(error.to_string()),
    };
    answered
        .map(|encryption| match encryption {
            Some(version) => format!("PostgreSQL answers, encrypted with {version}"),
            None => "PostgreSQL answers, not encrypted; sslmode=verify-full in store.postgres encrypts and verifies"
                .to_owned(),
        })
        .map_err(|error| format!("PostgreSQL: {error}; check store.postgres and that the server runs"))
}

async fn bus(config: &Config) -> Finding {
    if config.bus.nats.expose().is_empty() {
        return Ok("inside this process".to_owned());
    }
    match crate::compose::carrier(config).await {
        Ok(carrier) => {
            carrier.ping().await.map(|()| "NATS answers".to_owned()).map_err(|error| format!("NATS: {error}"))
        }
        Err(error) => Err(format!("NATS: {error:#}; check bus.nats and that the server runs with JetStream (-js)")),
    }
}

async fn files(config: &Config) -> Finding {
    let checked = match Blobs::open(&config.blobs, &config.data) {
        Ok(blobs) => blobs.probe().await,
        Err(error) => Err(error),
    };
    let place = if config.blobs.url.is_empty() { "the folder `blobs`" } else { &config.blobs.url };
    checked.map(|()| format!("{place}: a file was written, read and removed")).map_err(|error| {
        format!("{place}: {error}; check blobs.url, blobs.endpoint and the rights of blobs.access_key_id (put, get, list, delete)")
    })
}

fn program(name: &Path) -> Finding {
    let run = Command::new(name).arg("-version").stdin(Stdio::null()).stderr(Stdio::null()).output();
    match run {
        Ok(output) if output.status.success() => {
            let text = String::from_utf8_lossy(&output.stdout);
            Ok(text.lines().next().unwrap_or_default().chars().take(60).collect())
        }
        _ => Err(format!(
            "{} does not run; install it (Debian, Ubuntu: apt-get install ffmpeg; macOS: brew install ffmpeg) or set media.{}",
            name.display(),
            name.file_name().map_or("ffmpeg".into(), |file| file.to_string_lossy()),
        )),
    }
}
