//! The command line.

use std::net::SocketAddr;
use std::path::PathBuf;

use clap::{Args, Parser, Subcommand};
use nexus_backup::Keep;
use nexus_kernel::Timestamp;

/// Nexus COS: the whole cloud in one program.
#[derive(Debug, Parser)]
#[command(
    name = "nexus",
    version,
    after_help = "Examples:
  nexus up                        run everything on this machine
  nexus up --demo                 the same, with an organisation and media to look at
  nexus up --isolate              the same, each service in a process of its own
  nexus up --listen 0.0.0.0:80    the same, reachable from other machines
  nexus doctor                    find out why something does not work

Exit codes: 0 done, 1 failed (standard error says why and what to do), 2 wrong usage."
)]
pub(crate) struct Arguments {
    #[command(flatten)]
    pub(crate) settings: Settings,
    #[command(subcommand)]
    pub(crate) command: Command,
}

/// Flags that win over `nexus.toml` and the environment.
#[derive(Debug, Args)]
pub(crate) struct Settings {
    /// The configuration file [default: nexus.toml in this folder, when there is one]
    #[arg(long, global = true, env = "NEXUS_CONFIG", value_name = "FILE")]
    pub(crate) config: Option<PathBuf>,
    /// The folder that holds all state
    #[arg(long, global = true, value_name = "DIR")]
    pub(crate) data: Option<PathBuf>,
    /// The address that the gateway listens on
    #[arg(long, global = true, value_name = "ADDR")]
    pub(crate) listen: Option<SocketAddr>,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Run every service in this process, on embedded parts
    #[command(after_help = "Examples:
  nexus up --data /srv/nexus --listen 127.0.0.1:8080
  nexus up --demo --data /tmp/nexus-demo
  nexus up --isolate --data /srv/nexus")]
    Up {
        /// Fill an empty data folder with an organisation, an owner whose password is printed once, and three clips
        #[arg(long)]
        demo: bool,
        /// Run each service in a process of its own, and look after them: see `nexus ps`
        #[arg(long)]
        isolate: bool,
    },
    /// Show every process of `nexus up --isolate`
    #[command(after_help = "Examples:
  nexus ps
  nexus ps --json | jq '.[] | select(.state != \"ready\")'")]
    Ps {
        /// As JSON, with more details
        #[arg(long)]
        json: bool,
    },
    /// Show what the processes of `nexus up --isolate` said last
    #[command(after_help = "Examples:
  nexus logs -f
  nexus logs -n 500 user-auth | grep WARN")]
    Logs {
        /// Go on with what is said from now on
        #[arg(short, long)]
        follow: bool,
        /// How many lines
        #[arg(short = 'n', long, value_name = "N", default_value_t = 100)]
        lines: usize,
        /// Only this service
        service: Option<String>,
    },
    /// End the processes of a service (or all) and start new ones; `reload` does it without an interruption
    #[command(after_help = "Example:
  nexus restart streamcore")]
    Restart {
        /// Only this service
        service: Option<String>,
    },
    /// Read the configuration and the program again, and replace the processes one by one without dropping a request
    #[command(after_help = "Examples:
  nexus reload
  nexus reload backend-api")]
    Reload {
        /// Only this service
        service: Option<String>,
    },
    /// Give a service so many processes, until the next start (scale.<service>.instances keeps it)
    #[command(after_help = "Example:
  nexus scale streamcore 3")]
    Scale {
        /// The service
        service: String,
        /// How many
        instances: usize,
    },
    /// Run exactly these services in the foreground; the gateway is one of them
    #[command(after_help = "Example:
  nexus run backend-api user-auth auth-service session-mgr token-mgr key-service")]
    Run {
        /// Names as `nexus services` lists them
        #[arg(required = true, value_name = "SERVICE")]
        services: Vec<String>,
    },
    /// List the services of this build with their ports and routes
    #[command(after_help = "Example:
  nexus services | grep media")]
    Services,
    /// Print the effective configuration, where each value comes from, and no secret
    #[command(after_help = "Examples:
  nexus config
  NEXUS_GATEWAY__BURST=50 nexus config | grep burst")]
    Config,
    /// Check ports, disk, clock, database, bus and ffmpeg, and say how to fix each
    #[command(after_help = "Example:
  nexus doctor --listen 0.0.0.0:80 || echo 'see above'")]
    Doctor,
    /// Bring every service's schema up to date and stop
    #[command(after_help = "Example:
  nexus migrate --config /etc/nexus/nexus.toml")]
    Migrate,
    /// Ask the running system of this configuration whether it is ready, and exit with 1 when it is not
    #[command(after_help = "Where telemetry.listen is set it is asked there, else at the gateway.

Example:
  nexus probe --config /etc/nexus/nexus.toml || systemctl restart nexus")]
    Probe {
        /// Ask only whether it answers at all
        #[arg(long)]
        live: bool,
    },
    /// Write the files with which others run this build's services, one container each
    #[command(after_help = "Example:
  nexus manifests kubernetes && git diff deploy")]
    Manifests {
        /// Who runs them
        target: crate::manifests::Target,
        /// The folder that they are written to
        #[arg(long, value_name = "DIR", default_value = "deploy")]
        deploy: PathBuf,
    },
    /// Copy the whole installation, running or not, into the encrypted repository of `backup.repository`
    #[command(after_help = "Examples:
  nexus backup
  nexus backup --list
  nexus backup --verify
  nexus backup --prune --keep-last 7 --keep-weekly 8")]
    Backup(BackupAction),
    /// Bring a backup into an empty installation
    #[command(after_help = "Examples:
  nexus restore --data /srv/nexus-restored
  nexus restore --at 2026-11-25T03:00:00Z --data /srv/nexus-restored")]
    Restore {
        /// The newest backup that is not after this moment [default: the newest]
        #[arg(long, value_name = "TIME", conflicts_with = "snapshot")]
        at: Option<Timestamp>,
        /// The backup with this id, as `nexus backup --list` shows it
        #[arg(long, value_name = "ID")]
        snapshot: Option<String>,
    },
    /// Write the whole installation, running or not, into a folder that can be imported anywhere
    #[command(after_help = "Example:
  nexus export --to /srv/nexus-export")]
    Export {
        /// A folder that is empty or does not exist
        #[arg(long, value_name = "FOLDER")]
        to: PathBuf,
    },
    /// Bring an exported installation into an empty one, whatever either of them runs on
    #[command(after_help = "Example:
  nexus import --from /srv/nexus-export --config /etc/nexus/nexus.toml")]
    Import {
        /// The folder that `nexus export` wrote
        #[arg(long, value_name = "FOLDER")]
        from: PathBuf,
    },
    /// Print the OpenAPI document of the whole API
    #[command(after_help = "Example:
  nexus openapi > openapi.json")]
    Openapi,
    /// Sign in at a running system and print an access token, good for five minutes
    #[command(after_help = "The password is read from standard input, or from the variable NEXUS_PASSWORD.

Examples:
  pass show nexus | nexus token --email ada@example.com
  curl -H \"Authorization: Bearer $(nexus token --email ada@example.com < password)\" http://127.0.0.1:3000/api/users/me")]
    Token {
        /// The system's address [default: where this configuration's gateway listens]
        #[arg(long, value_name = "URL")]
        url: Option<String>,
        /// A PEM file with authorities whose certificates are believed there, beside those that this machine knows
        #[arg(long, value_name = "FILE", requires = "url")]
        ca: Option<PathBuf>,
        /// The address of the account
        #[arg(long, value_name = "ADDRESS")]
        email: String,
    },
    /// Make the skeleton of a service that services.toml declares and that has no folder yet
    #[command(after_help = "Example:
  nexus new-service billing-service")]
    NewService {
        /// The service's name
        name: String,
    },
    /// Make the file of breached passwords that `identity.breached_passwords` names, from a list of SHA-1s
    #[command(
        after_help = "The list has one SHA-1 a line in hexadecimal digits, and maybe a colon and how often it was seen, as
Have I Been Pwned publishes it. The file needs 1.8 bytes a password, and as much memory while passwords are set.

Example:
  nexus breached-passwords --from pwned-passwords-sha1.txt --seen-at-least 10 --to /etc/nexus/breached"
    )]
    BreachedPasswords {
        /// The list
        #[arg(long, value_name = "FILE")]
        from: PathBuf,
        /// The file that is made
        #[arg(long, value_name = "FILE")]
        to: PathBuf,
        /// Leave out what was seen less often
        #[arg(long, value_name = "N", default_value_t = 1)]
        seen_at_least: u64,
    },
    /// Print the completion script for a shell
    #[command(after_help = "Example:
  nexus completions bash > /etc/bash_completion.d/nexus")]
    Completions {
        /// The shell
        shell: clap_complete::Shell,
    },
}

/// What to do with backups.
#[derive(Debug, Args)]
pub(crate) struct BackupAction {
    /// List the backups
    #[arg(long, group = "action")]
    pub(crate) list: bool,
    /// Read every byte of all backups and compare it with its checksum
    #[arg(long, group = "action")]
    pub(crate) verify: bool,
    /// Remove backups but for those to keep
    #[arg(long, group = "action")]
    pub(crate) prune: bool,
    /// Keep the newest so many
    #[arg(long, value_name = "N", requires = "prune")]
    keep_last: Option<u32>,
    /// Keep the last of each of so many hours
    #[arg(long, value_name = "N", requires = "prune")]
    keep_hourly: Option<u32>,
    /// Keep the last of each of so many days
    #[arg(long, value_name = "N", requires = "prune")]
    keep_daily: Option<u32>,
    /// Keep the last of each of so many weeks
    #[arg(long, value_name = "N", requires = "prune")]
    keep_weekly: Option<u32>,
    /// Keep the last of each of so many months
    #[arg(long, value_name = "N", requires = "prune")]
    keep_monthly: Option<u32>,
}

impl BackupAction {
    /// Which backups stay.
    pub(crate) fn keep(&self) -> Keep {
        Keep {
            last: self.keep_last,
            hourly: self.keep_hourly,
            daily: self.keep_daily,
            weekly: self.keep_weekly,
            monthly: self.keep_monthly,
        }
    }
}
