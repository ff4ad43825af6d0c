//! The loop: start, let it write, kill, note what was acknowledged; and the reckoning at the end.

use std::collections::{HashMap, HashSet};
use std::time::Duration;

use rand::RngExt;
use tokio::time::timeout;

use crate::nats::NatsServer;
use crate::victim::{Target, Victim};

/// A victim that writes nothing for this long is stuck: nothing that happens to the bus may stop its writes.
const STUCK: Duration = Duration::from_mins(1);
/// The most writes before a kill. It is counted in writes and not in time, so that kills hit while it writes.
const MOST_WRITES: usize = 250;

/// What happens while the victim writes.
pub(crate) enum Midway<'a> {
    Nothing,
    Stop(&'a mut NatsServer),
    Start(&'a mut NatsServer),
    WipeAndStart(&'a mut NatsServer),
}

impl Midway<'_> {
    async fn happen(self) {
        match self {
            Self::Nothing => {}
            Self::Stop(server) => server.stop().await,
            Self::Start(server) => server.start_again().await,
            Self::WipeAndStart(server) => {
                server.wipe().await;
                server.start_again().await;
            }
        }
    }
}

pub(crate) struct Run {
    target: Target,
    acknowledged: HashSet<String>,
    kills: usize,
}

impl Run {
    pub(crate) fn new(target: Target) -> Self {
        Self { target, acknowledged: HashSet::new(), kills: 0 }
    }

    /// Starts the victim and kills it after some of its writes.
    pub(crate) async fn kill_once(&mut self, midway: Midway<'_>) {
        let mut victim = Victim::start(&self.target, &[]);
        let writes = rand::rng().random_range(0..=MOST_WRITES);
        self.read(&mut victim, writes / 2).await;
        midway.happen().await;
        self.read(&mut victim, writes - writes / 2).await;
        victim.kill();
        // What it had printed before it died was acknowledged too.
        while let Some(line) = victim.line().await {
            self.note(&line);
        }
        victim.ended().await;
        self.kills += 1;
    }

    async fn read(&mut self, victim: &mut Victim, writes: usize) {
        for _ in 0..writes {
            let line = timeout(STUCK, victim.line()).await.expect("the victim goes on writing");
            self.note(&line.expect("the victim runs until it is killed"));
        }
    }

    /// The last line may be cut off by the kill; the id in it then has not all of its characters.
    fn note(&mut self, line: &str) {
        if let Some(id) = line.strip_prefix("ack ").filter(|id| id.len() == 36) {
            self.acknowledged.insert(id.to_owned());
        }
    }

    /// Lets the victim apply what is left, and compares both stores with what was acknowledged.
    #[expect(clippy::print_stdout, reason = "the test's result, which `make faults` shows")]
    pub(crate) async fn check(&self) {
        let mut entries = HashSet::new();
        let mut effects = HashMap::new();
        let mut victim = Victim::start(&self.target, &["drain"]);
        while let Some(line) = victim.line().await {
            match line.split(' ').collect::<Vec<_>>()[..] {
                ["entry", id] => assert!(entries.insert(id.to_owned()), "{id} is there twice"),
                ["effect", id, applied] => assert!(effects.insert(id.to_owned(), applied.to_owned()).is_none()),
                _ => panic!("the victim says `{line}`"),
            }
        }
        assert!(victim.ended().await, "the victim ends well when nobody kills it");
        println!(
            "{} kills: {} writes acknowledged, {} entries, {} effects",
            self.kills,
            self.acknowledged.len(),
            entries.len(),
            effects.len()
        );
        let lost: Vec<_> = self.acknowledged.difference(&entries).collect();
        assert!(lost.is_empty(), "acknowledged and lost: {lost:?}");
        let late: Vec<_> = entries.iter().filter(|id| !effects.contains_key(*id)).collect();
        assert!(late.is_empty(), "there and never applied: {late:?}");
        let wrong: Vec<_> = effects.iter().filter(|(id, applied)| *applied != "1" || !entries.contains(*id)).collect();
        assert!(wrong.is_empty(), "applied more than once, or never written: {wrong:?}");
        assert!(!self.acknowledged.is_empty(), "the victims wrote something");
    }
}
