//! Events and leader election in a simulated world: the real relay, consumer, observer, jobs and SQLite store, on one thread, in
//! virtual time, with faults that come from a seed. One seed is one story and always the same.
//!
//! `SIMULATION_SEEDS=5000 cargo nextest run -p nexus-kernel --test simulation` tells many; a story that goes wrong says its seed, and
//! `SIMULATION_SEED=17 cargo nextest run -p nexus-kernel --test simulation --no-capture` tells it alone.

#![expect(clippy::unwrap_used, reason = "a panic is how a test fails")]
#![expect(clippy::print_stderr, reason = "a story that is told alone is shown")]

mod checker;
mod network;
mod process;
mod services;
mod story;

/// How many seeds are told when nobody says.
const STANDARD: u64 = 120;
/// Seeds of stories that went wrong once.
const REGRESSIONS: [u64; 4] = [147, 180, 444, 465];

fn number(name: &str) -> Option<u64> {
    std::env::var(name).ok().map(|text| text.parse().unwrap_or_else(|_| panic!("{name} is a number")))
}

/// Every fourth seed from this one on, so that cores share the work.
fn tell(from: u64) {
    if let Some(seed) = number("SIMULATION_SEED") {
        if seed % 4 == from {
            story::tell(seed);
        }
        return;
    }
    let seeds = (0..number("SIMULATION_SEEDS").unwrap_or(STANDARD)).skip(usize::try_from(from).unwrap()).step_by(4);
    let regressions = REGRESSIONS.into_iter().filter(|seed| seed % 4 == from);
    for seed in regressions.chain(seeds) {
        let told = std::panic::catch_unwind(|| story::tell(seed));
        assert!(told.is_ok(), "the story of seed {seed} went wrong; SIMULATION_SEED={seed} tells it alone");
    }
}

#[test]
fn in_stories_of_the_first_kind_nothing_is_lost_or_done_twice() {
    tell(0);
}

#[test]
fn in_stories_of_the_second_kind_nothing_is_lost_or_done_twice() {
    tell(1);
}

#[test]
fn in_stories_of_the_third_kind_nothing_is_lost_or_done_twice() {
    tell(2);
}

#[test]
fn in_stories_of_the_fourth_kind_nothing_is_lost_or_done_twice() {
    tell(3);
}

/// The stories would find two leaders, if there were two.
#[test]
fn leaders_that_are_not_fenced_are_found_out() {
    assert!((0..100).any(|seed| std::panic::catch_unwind(|| story::unfenced(seed)).is_err()));
}

/// The stories would find events that are deleted too soon.
#[test]
fn publishers_that_are_hasty_are_found_out() {
    assert!((0..100).any(|seed| std::panic::catch_unwind(|| story::hasty(seed)).is_err()));
}

#[test]
fn a_story_is_the_same_every_time() {
    for seed in [3, 14] {
        assert_eq!(story::once(seed), story::once(seed), "seed {seed}");
    }
}
