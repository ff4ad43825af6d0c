//! A writing process is killed again and again, and its bus is stopped and wiped meanwhile. Afterwards every acknowledged write
//! must be there, with its effect applied once. Late is allowed, lost is not.

mod nats;
mod run;
mod victim;

use std::time::Duration;

use nats::NatsServer;
use nexus_testkit::{Database, eventually_within};
use run::{Midway, Run};
use victim::Target;

/// How often the process is killed; `make faults` asks for more.
const KILLS: usize = 25;

fn kills() -> usize {
    std::env::var("FAULTS_KILLS").ok().map_or(KILLS, |text| text.parse().expect("FAULTS_KILLS is a number"))
}

#[tokio::test]
async fn no_acknowledged_write_is_lost_on_sqlite() {
    let folder = tempfile::tempdir().expect("the system's temporary folder can be written");
    let mut run = Run::new(Target { data: folder.path().to_owned(), postgres: String::new(), nats: String::new() });
    for _ in 0..kills() {
        run.kill_once(Midway::Nothing).await;
    }
    run.check().await;
}

#[tokio::test]
async fn no_acknowledged_write_is_lost_on_postgres_when_the_bus_stops_and_forgets() {
    let folder = tempfile::tempdir().expect("the system's temporary folder can be written");
    let database = Database::create().await;
    let mut server = NatsServer::start().await;
    let mut run = Run::new(Target {
        data: folder.path().to_owned(),
        postgres: database.url.clone(),
        nats: server.url().to_owned(),
    });
    let kills = kills();
    for kill in 0..kills {
        // While the process writes: the server goes away, stays away for a while, and comes back, once with nothing in its storage.
        let midway = match kill % 5 {
            1 => Midway::Stop(&mut server),
            3 if kill / 5 == kills / 10 => Midway::WipeAndStart(&mut server),
            3 => Midway::Start(&mut server),
            _ => Midway::Nothing,
        };
        run.kill_once(midway).await;
    }
    server.start_again().await;
    run.check().await;
    assert!(server.wiped(), "the server's storage was wiped in the middle");
    eventually_within(Duration::from_secs(20), "the stream of events to be there again", async || {
        server.has_stream().await.then_some(())
    })
    .await;
}
