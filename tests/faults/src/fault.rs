//! What can go wrong.

use std::time::Duration;

use rand::RngExt;
use rand::rngs::StdRng;
use tokio::time::{Instant, sleep};

use crate::clock::FakeClock;
use crate::system::{LONGER_THAN_A_LEASE, Servers, System};
use crate::wire::{FRONT, WRITER};

/// An hour, in seconds.
const HOUR: i64 = 3_600;
/// After this long every process has seen that its clock was moved.
const CLOCK_SEEN: Duration = Duration::from_millis(1_200);
/// How long two processes are parted: longer than anybody waits for an answer.
const PARTED: Duration = Duration::from_secs(4);

/// A fault.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fault {
    /// SIGKILL to a process, and now and then to all at once.
    Kill,
    /// A process stands still for longer than a lease lasts, and goes on as if nothing had happened.
    Pause,
    /// The bus is not there for a while.
    NatsStop,
    /// The bus is not there for a while, and has forgotten everything when it comes back.
    NatsWipe,
    /// The database ends at once, and recovers.
    PostgresStop,
    /// The database is lost, and its standby takes its place.
    Failover,
    /// The cache forgets everything.
    RedisFlush,
    /// The cache is not there for a while.
    RedisStop,
    /// No room is left on the database's disk for a while.
    DiskFull,
    /// The time jumps, for all processes or for one.
    ClockForward,
    /// The same, backwards.
    ClockBack,
    /// Two processes do not reach each other for a while.
    Partition,
    /// A process reaches nobody, for longer than a lease lasts.
    CutOff,
    /// The way to a process is slow for a while.
    SlowLink,
}

impl Fault {
    /// In words.
    pub fn name(self) -> &'static str {
        match self {
            Self::Kill => "kill -9 of one process, or of all",
            Self::Pause => "one process stands still for 6.5 s",
            Self::NatsStop => "NATS stopped and started",
            Self::NatsWipe => "NATS stopped, wiped and started",
            Self::PostgresStop => "PostgreSQL stopped (immediate) and started",
            Self::Failover => "PostgreSQL lost, its standby promoted",
            Self::RedisFlush => "Redis flushed",
            Self::RedisStop => "Redis stopped and started, empty",
            Self::DiskFull => "the database's disk full",
            Self::ClockForward => "clock an hour forward, of all processes or of one",
            Self::ClockBack => "clock an hour back, of all processes or of one",
            Self::Partition => "two processes parted for 4 s",
            Self::CutOff => "one process cut off from everything for 6.5 s",
            Self::SlowLink => "slow link to one process",
        }
    }

    /// Why it can't happen to this system, here.
    pub fn is_possible(self, system: &System) -> Result<(), String> {
        match self {
            Self::Partition | Self::CutOff | Self::SlowLink => system.network.as_ref().map(drop).map_err(Clone::clone),
            Self::DiskFull => system.disk.as_ref().map(drop).map_err(Clone::clone),
            Self::ClockForward | Self::ClockBack => {
                system.members.iter().try_for_each(|member| member.clock.as_ref().map(drop).map_err(Clone::clone))
            }
            _ => Ok(()),
        }
    }

    /// Happens, and is mended; when it ended. A kill and a jump of the clock end at once.
    pub async fn strike(self, system: &mut System, chance: &mut StdRng) -> Instant {
        match self {
            Self::Kill => kill(system, chance),
            Self::Pause => pause(system, chance).await,
            Self::NatsStop => nats(system, chance, false).await,
            Self::NatsWipe => nats(system, chance, true).await,
            Self::PostgresStop => postgres_stop(system).await,
            Self::Failover => failover(system).await,
            Self::RedisFlush => {
                servers(system).redis.flush().await;
                Instant::now()
            }
            Self::RedisStop => redis_stop(system, chance).await,
            Self::DiskFull => disk_full(system).await,
            Self::ClockForward => clock(system, chance, HOUR).await,
            Self::ClockBack => clock(system, chance, -HOUR).await,
            Self::Partition => partition(system, chance).await,
            Self::CutOff => cut_off(system, chance).await,
            Self::SlowLink => slow_link(system, chance).await,
        }
    }
}

fn servers(system: &mut System) -> &mut Servers {
    system.servers.as_mut().expect("this fault is for a system with servers")
}

/// Enough writes for the system to have met the fault.
fn some(chance: &mut StdRng) -> usize {
    chance.random_range(20..80)
}

fn kill(system: &System, chance: &mut StdRng) -> Instant {
    if chance.random_ratio(1, 5) {
        for member in &system.members {
            member.process.signal("KILL");
        }
    } else {
        // One that was killed just before may not be there again.
        while !system.any(chance).process.signal("KILL") {}
    }
    Instant::now()
}

async fn pause(system: &System, chance: &mut StdRng) -> Instant {
    let process = &system.any(chance).process;
    process.signal("STOP");
    sleep(LONGER_THAN_A_LEASE).await;
    process.signal("CONT");
    Instant::now()
}

async fn nats(system: &mut System, chance: &mut StdRng, wipe: bool) -> Instant {
    servers(system).nats.stop().await;
    if wipe {
        servers(system).nats.wipe();
    }
    system.load.more(some(chance)).await;
    let end = Instant::now();
    servers(system).nats.start_again().await;
    end
}

async fn postgres_stop(system: &mut System) -> Instant {
    servers(system).postgres.server.stop_immediately().await;
    system.load.more_errors(3).await;
    let end = Instant::now();
    servers(system).postgres.server.start_again().await;
    end
}

async fn failover(system: &mut System) -> Instant {
    servers(system).postgres.be_followed().await;
    // What is written now waits for the standby.
    system.load.more(20).await;
    let lost = Instant::now();
    servers(system).postgres.fail_over().await;
    lost
}

async fn redis_stop(system: &mut System, chance: &mut StdRng) -> Instant {
    servers(system).redis.stop().await;
    system.load.more(some(chance)).await;
    let end = Instant::now();
    servers(system).redis.start_again().await;
    end
}

async fn disk_full(system: &mut System) -> Instant {
    let disk = system.disk.as_ref().expect("this fault is for a system with a small disk");
    disk.fill();
    system.load.more_errors(5).await;
    disk.free();
    let end = Instant::now();
    // A PostgreSQL that can't write its log ends by itself.
    if let Some(servers) = &mut system.servers {
        servers.postgres.server.start_again().await;
    }
    end
}

async fn clock(system: &System, chance: &mut StdRng, seconds: i64) -> Instant {
    let clocks: Vec<&FakeClock> = system.members.iter().filter_map(|member| member.clock.as_ref().ok()).collect();
    if chance.random_ratio(1, 2) && clocks.len() > 1 {
        let one = clocks[chance.random_range(0..clocks.len())];
        one.move_by(seconds);
        sleep(CLOCK_SEEN).await;
        system.load.more(some(chance)).await;
        // Somebody sets it right.
        one.move_by(-seconds);
    } else {
        for clock in clocks {
            clock.move_by(seconds);
        }
    }
    sleep(CLOCK_SEEN).await;
    Instant::now()
}

async fn partition(system: &System, chance: &mut StdRng) -> Instant {
    let network = system.network.as_ref().expect("this fault is for a system with a network");
    let (front, writer) = (system.any_of(FRONT, chance), system.any_of(WRITER, chance));
    let (Some(front), Some(writer)) = (&front.site, &writer.site) else { panic!("processes of a network have sites") };
    network.part(front, writer).await;
    sleep(PARTED).await;
    // There is another way for everything.
    system.load.more(some(chance)).await;
    network.rejoin(front, writer).await;
    Instant::now()
}

async fn cut_off(system: &System, chance: &mut StdRng) -> Instant {
    let network = system.network.as_ref().expect("this fault is for a system with a network");
    let site = system.any(chance).site.as_ref().expect("processes of a network have sites");
    network.cut_off(site).await;
    sleep(LONGER_THAN_A_LEASE).await;
    system.load.more(some(chance)).await;
    network.reconnect(site).await;
    Instant::now()
}

async fn slow_link(system: &System, chance: &mut StdRng) -> Instant {
    let network = system.network.as_ref().expect("this fault is for a system with a network");
    let site = system.any(chance).site.as_ref().expect("processes of a network have sites");
    network.slow_down(site).await;
    system.load.more(some(chance)).await;
    network.speed_up(site).await;
    Instant::now()
}
