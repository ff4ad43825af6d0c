//! The command line.

use std::net::SocketAddr;
use std::path::PathBuf;

use clap::{Args, Parser, Subcommand};

/// Nexus COS: the whole cloud in one program.
#[derive(Debug, Parser)]
#[command(
    name = "nexus",
    version,
    after_help = "Examples:
  nexus up                        run everything on this machine
  nexus up --demo                 the same, with an organisation and media to look at
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
  nexus up --demo --data /tmp/nexus-demo")]
    Up {
        /// Fill an empty data folder with an organisation, an owner whose password is printed once, and three clips
        #[arg(long)]
        demo: bool,
    },
    /// Run exactly these services in the foreground; the gateway is one of them
    #[command(after_help = "Example:
  nexus run backend-api user-auth auth-service session-mgr token-mgr")]
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
    /// Print the completion script for a shell
    #[command(after_help = "Example:
  nexus completions bash > /etc/bash_completion.d/nexus")]
    Completions {
        /// The shell
        shell: clap_complete::Shell,
    },
}
