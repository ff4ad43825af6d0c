use std::collections::BTreeMap;

use proptest::prelude::*;

use super::*;

const TICK: Duration = Duration::from_millis(250);

/// Processes as the fleet orders them, and a clock that stands still unless it is moved.
struct World {
    fleet: Fleet,
    now: Moment,
    alive: BTreeMap<ProcessId, Place>,
    asked_to_stop: Vec<ProcessId>,
    addresses: Addresses,
    version: u64,
    progress: Vec<Progress>,
    spawned: usize,
}

fn url(id: ProcessId) -> String {
    format!("https://127.0.0.1:{}", id.0)
}

impl World {
    fn of(services: &[(&str, usize)]) -> Self {
        let services: Vec<_> = services.iter().map(|(name, slots)| ((*name).to_owned(), *slots)).collect();
        let mut world = Self {
            fleet: Fleet::new(services, Duration::ZERO),
            now: Duration::ZERO,
            alive: BTreeMap::new(),
            asked_to_stop: Vec::new(),
            addresses: Addresses::new(),
            version: 0,
            progress: Vec::new(),
            spawned: 0,
        };
        world.settle();
        world
    }

    /// The same where all serve.
    fn ready(services: &[(&str, usize)]) -> Self {
        let mut world = Self::of(services);
        world.quiet();
        world
    }

    fn settle(&mut self) {
        for action in self.fleet.settle(self.now) {
            match action {
                Action::Spawn { place, process } => {
                    self.spawned += 1;
                    assert!(self.alive.insert(process, place).is_none(), "{process:?} is started once");
                }
                Action::Stop(process) => {
                    assert!(!self.in_table(process), "{process:?} is asked to stop while others look for it");
                    self.asked_to_stop.push(process);
                }
                Action::Kill(process) => self.end(process),
                Action::Publish { version, addresses } => {
                    assert!(version > self.version);
                    (self.version, self.addresses) = (version, addresses);
                }
                Action::Reload(progress) => self.progress.push(progress),
            }
        }
    }

    fn in_table(&self, id: ProcessId) -> bool {
        self.addresses.values().flatten().any(|address| *address == url(id))
    }

    fn serving(&self, service: &str) -> usize {
        self.addresses.get(service).map_or(0, Vec::len)
    }

    fn connect(&mut self, id: ProcessId) {
        self.fleet.connected(id, self.now);
        self.fleet.knows(id, self.version);
        self.settle();
    }

    fn announce(&mut self, id: ProcessId) {
        self.fleet.announced(id, &url(id), self.now);
        self.settle();
    }

    fn end(&mut self, id: ProcessId) {
        if self.alive.remove(&id).is_some() {
            self.asked_to_stop.retain(|other| *other != id);
            self.fleet.ended(id, self.now, 0.5);
            self.settle();
        }
    }

    /// A moment passes in which every process is well, says what it knows, and ends when it was asked to.
    fn tick(&mut self) {
        self.now += TICK;
        for id in self.alive.keys().copied().collect::<Vec<_>>() {
            self.fleet.heard(id, self.now);
            self.fleet.knows(id, self.version);
        }
        self.settle();
        for id in std::mem::take(&mut self.asked_to_stop) {
            self.end(id);
        }
    }

    /// Everything that is started serves, until nothing happens any more.
    fn quiet(&mut self) {
        for _ in 0..400 {
            for id in self.alive.keys().copied().collect::<Vec<_>>() {
                if !self.in_table(id) && !self.asked_to_stop.contains(&id) {
                    self.connect(id);
                    self.announce(id);
                }
            }
            self.tick();
        }
    }

    fn only(&self, service: &str) -> ProcessId {
        *self.alive.iter().find(|(_, place)| place.service == service).expect("it has a process").0
    }
}

#[test]
fn a_process_that_dies_is_out_of_the_table_at_once_and_started_again_at_once() {
    let mut world = World::ready(&[("a", 1), ("gateway", 1)]);
    let first = world.only("a");
    world.end(first);
    assert_eq!(world.serving("a"), 0);
    assert_ne!(world.only("a"), first);
}

#[test]
fn a_process_that_dies_again_and_again_is_a_crash_loop_that_is_still_tried_and_can_be_restarted() {
    let mut world = World::of(&[("a", 1), ("gateway", 1)]);
    while !world.fleet.crews()[0].slots[0].is_crash_looping() {
        let ids: Vec<_> = world.alive.iter().filter(|(_, place)| place.service == "a").map(|(id, _)| *id).collect();
        for id in ids {
            world.end(id);
        }
        world.tick();
    }
    let tried = world.spawned;
    (0..8).for_each(|_| world.tick());
    assert_eq!(world.spawned, tried, "it waits");
    (0..400).for_each(|_| world.tick());
    assert_eq!(world.spawned, tried + 1, "it is tried again");
    let last = world.only("a");
    world.end(last);
    world.fleet.restart("a", world.now);
    world.quiet();
    assert_eq!((world.serving("a"), world.spawned), (1, tried + 2));
}

#[test]
fn a_reload_keeps_every_service_served_and_ends_the_old_processes() {
    let mut world = World::ready(&[("a", 2), ("b", 1), ("gateway", 1)]);
    let old: Vec<_> = world.alive.keys().copied().collect();
    assert!(world.fleet.reload(&["a".to_owned(), "b".to_owned(), "gateway".to_owned()]));
    assert!(!world.fleet.reload(&["a".to_owned()]), "one at a time");
    world.settle();
    while world.progress.last() != Some(&Progress::Done) {
        assert!(world.alive.len() <= 6, "one place after the other");
        let fresh: Vec<_> =
            world.alive.keys().copied().filter(|id| !old.contains(id) && !world.in_table(*id)).collect();
        for id in fresh {
            world.announce(id);
        }
        assert_eq!((world.serving("a"), world.serving("b"), world.serving("gateway")), (2, 1, 1));
        world.tick();
    }
    world.quiet();
    assert!(world.alive.keys().all(|id| !old.contains(id)), "{:?}", world.alive);
    assert_eq!((world.alive.len(), world.progress.len()), (4, 5));
}

#[test]
fn a_reload_whose_new_process_dies_leaves_the_old_ones_in_place() {
    let mut world = World::ready(&[("a", 1), ("b", 1), ("gateway", 1)]);
    let old: Vec<_> = world.alive.keys().copied().collect();
    world.fleet.reload(&["a".to_owned(), "b".to_owned()]);
    world.settle();
    let fresh = *world.alive.keys().last().unwrap();
    world.end(fresh);
    assert_eq!(world.progress, [Progress::Failed(Place { service: "a".to_owned(), slot: 1 })]);
    world.quiet();
    assert_eq!(world.alive.keys().copied().collect::<Vec<_>>(), old);
    assert!(world.fleet.reload(&["a".to_owned()]), "another reload may begin");
}

#[test]
fn a_process_is_asked_to_end_when_all_others_know_that_it_is_gone_or_after_two_seconds() {
    let mut world = World::ready(&[("a", 2), ("gateway", 1)]);
    world.fleet.scale("a", 1, world.now);
    world.settle();
    assert_eq!((world.serving("a"), world.asked_to_stop.len()), (1, 0), "nobody knows yet");
    for id in world.alive.keys().copied().collect::<Vec<_>>() {
        world.fleet.knows(id, world.version);
    }
    world.settle();
    assert_eq!(world.asked_to_stop.len(), 1);

    let mut world = World::ready(&[("a", 2), ("gateway", 1)]);
    world.fleet.scale("a", 1, world.now);
    world.settle();
    world.now += NOTICE;
    world.settle();
    assert_eq!(world.asked_to_stop.len(), 1, "one that hangs does not keep the rest");
}

#[test]
fn everything_ends_behind_the_gateway() {
    let mut world = World::ready(&[("a", 1), ("b", 1), ("gateway", 1)]);
    world.fleet.stop();
    world.settle();
    assert_eq!((world.serving("a"), world.serving("gateway")), (1, 0));
    (0..20).for_each(|_| world.tick());
    assert!(world.fleet.is_over() && world.alive.is_empty());
}

#[test]
fn a_process_that_says_nothing_or_does_not_end_is_killed() {
    let mut world = World::ready(&[("a", 1), ("gateway", 1)]);
    let hung = world.only("a");
    world.now += Duration::from_secs(31);
    world.settle();
    assert!(!world.alive.contains_key(&hung));
    world.quiet();
    let stubborn = world.only("a");
    world.fleet.restart("a", world.now);
    world.settle();
    world.now += Duration::from_secs(3);
    world.settle();
    assert_eq!(world.asked_to_stop, [stubborn]);
    world.now += Duration::from_secs(46);
    world.settle();
    assert!(!world.alive.contains_key(&stubborn));
}

#[derive(Debug, Clone)]
enum Event {
    Announce(usize),
    End(usize),
    Withdraw(usize),
    Tick,
    Jump,
    Restart(bool),
    Reload,
    Scale(bool, usize),
}

fn events() -> impl Strategy<Value = Vec<Event>> {
    let event = prop_oneof![
        4 => (0_usize..12).prop_map(Event::Announce),
        2 => (0_usize..12).prop_map(Event::End),
        1 => (0_usize..12).prop_map(Event::Withdraw),
        6 => Just(Event::Tick),
        1 => Just(Event::Jump),
        1 => any::<bool>().prop_map(Event::Restart),
        2 => Just(Event::Reload),
        1 => (any::<bool>(), 1_usize..4).prop_map(|(which, slots)| Event::Scale(which, slots)),
    ];
    proptest::collection::vec(event, 1..120)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 512, ..ProptestConfig::default() })]
    #[test]
    fn whatever_happens_the_table_names_only_the_living_and_all_places_serve_in_the_end(events in events()) {
        let mut world = World::of(&[("a", 2), ("b", 1), ("gateway", 1)]);
        let name = |which: bool| if which { "a" } else { "b" };
        for event in events {
            let nth = |world: &World, index: usize| world.alive.keys().copied().nth(index);
            match event {
                Event::Announce(index) => {
                    if let Some(id) = nth(&world, index) {
                        world.connect(id);
                        world.announce(id);
                    }
                }
                Event::End(index) => {
                    if let Some(id) = nth(&world, index) {
                        world.end(id);
                    }
                }
                Event::Withdraw(index) => {
                    if let Some(id) = nth(&world, index) {
                        world.fleet.withdrawn(id, world.now);
                        world.asked_to_stop.push(id);
                    }
                }
                Event::Tick => world.tick(),
                Event::Jump => world.now += Duration::from_secs(70),
                Event::Restart(which) => world.fleet.restart(name(which), world.now),
                Event::Reload => drop(world.fleet.reload(&["a".to_owned(), "b".to_owned(), "gateway".to_owned()])),
                Event::Scale(which, slots) => world.fleet.scale(name(which), slots, world.now),
            }
            world.settle();
            for address in world.addresses.values().flatten() {
                prop_assert!(world.alive.keys().any(|id| url(*id) == *address), "{address} is dead");
            }
            let successors = world.fleet.crews().iter().flat_map(|crew| &crew.slots).filter(|slot| slot.successor.is_some());
            prop_assert!(successors.count() <= 1);
            let known = world.fleet.crews().iter().map(|crew| crew.processes().count()).sum::<usize>();
            prop_assert_eq!(known, world.alive.len());
        }
        world.quiet();
        prop_assert!(world.fleet.is_ready(), "{:?}", world.fleet);
        let places: usize = world.fleet.crews().iter().map(|crew| crew.slots.len()).sum();
        prop_assert_eq!(world.alive.len(), places);
        world.fleet.stop();
        world.settle();
        for _ in 0..40 {
            world.tick();
        }
        prop_assert!(world.fleet.is_over() && world.alive.is_empty());
    }
}
