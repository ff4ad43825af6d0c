use std::time::Duration;

use futures::future::join_all;
use nexus_testkit::{Backend, Reply, Testkit};

use crate::on_each_database;
use crate::support::{
    GRACE, HOME, OWNER, PASSWORD, attempt, browser, member, ready, services, try_from_address, try_in_browser,
};

const WRONG: &str = "wrong password";

on_each_database!(
    after_five_failures_an_account_waits_and_longer_each_time,
    a_right_password_forgets_the_failures,
    an_unknown_address_is_locked_just_the_same,
    attempts_at_the_same_moment_do_not_outnumber_the_limit,
    whoever_guesses_from_elsewhere_keeps_nobody_out_at_home,
    guessing_from_many_networks_is_slow_and_a_known_browser_does_not_mind,
    a_known_browser_has_five_tries_of_its_own,
    a_cookie_vouches_for_its_own_account_only,
    a_network_that_tries_many_accounts_waits,
    a_network_that_guesses_waits_and_others_do_not,
    a_lock_survives_a_restart,
);

fn locked(reply: &Reply) -> u64 {
    assert_eq!((reply.status.as_u16(), reply.code().as_str()), (429, "locked"), "{}", reply.text());
    reply.header("retry-after").parse().unwrap()
}

async fn fail(kit: &Testkit, email: &str, times: usize) {
    for _ in 0..times {
        let _ = attempt(kit, email, WRONG).await.expect(401);
    }
}

async fn after_five_failures_an_account_waits_and_longer_each_time(backend: Backend) {
    let kit = ready(backend).await;
    member(&kit, GRACE).await;
    fail(&kit, OWNER, 5).await;
    for expected in [30, 60, 120, 240, 480, 900, 900] {
        // The right password does not help while it lasts, and trying does not make it longer.
        assert_eq!(locked(&attempt(&kit, OWNER, PASSWORD).await), expected);
        assert_eq!(locked(&attempt(&kit, OWNER, WRONG).await), expected);
        kit.clock.advance(Duration::from_secs(expected - 1));
        assert_eq!(locked(&attempt(&kit, OWNER, PASSWORD).await), 1);
        kit.clock.advance(Duration::from_secs(1));
        fail(&kit, OWNER, 1).await;
    }
    let _ = attempt(&kit, GRACE, PASSWORD).await.expect(200);
    kit.clock.advance(Duration::from_mins(15));
    let _ = attempt(&kit, OWNER, PASSWORD).await.expect(200);
}

async fn a_right_password_forgets_the_failures(backend: Backend) {
    let kit = ready(backend).await;
    for _ in 0..3 {
        fail(&kit, OWNER, 4).await;
        let _ = attempt(&kit, OWNER, PASSWORD).await.expect(200);
    }
    fail(&kit, OWNER, 5).await;
    locked(&attempt(&kit, OWNER, PASSWORD).await);
}

async fn an_unknown_address_is_locked_just_the_same(backend: Backend) {
    let kit = ready(backend).await;
    fail(&kit, OWNER, 5).await;
    fail(&kit, "nobody@example.com", 5).await;
    let (known, unknown) = (attempt(&kit, OWNER, WRONG).await, attempt(&kit, "Nobody@example.com", WRONG).await);
    assert_eq!(locked(&known), locked(&unknown));
    assert_eq!(known.text(), unknown.text());
}

async fn attempts_at_the_same_moment_do_not_outnumber_the_limit(backend: Backend) {
    let kit = ready(backend).await;
    let attempts = (0..8).map(|_| attempt(&kit, OWNER, WRONG));
    let answers: Vec<u16> = join_all(attempts).await.iter().map(|reply| reply.status.as_u16()).collect();
    assert_eq!(answers.iter().filter(|status| **status == 401).count(), 5, "{answers:?}");
    assert_eq!(answers.iter().filter(|status| **status == 429).count(), 3, "{answers:?}");
}

async fn a_network_that_guesses_waits_and_others_do_not(backend: Backend) {
    let kit = ready(backend).await;
    for guess in 0..30 {
        let _ = attempt(&kit, &format!("somebody{}@example.com", guess % 8), WRONG).await.expect(401);
        if guess == 20 {
            // An account of one's own does not reset the count.
            let _ = attempt(&kit, OWNER, PASSWORD).await.expect(200);
        }
    }
    assert_eq!(locked(&attempt(&kit, OWNER, PASSWORD).await), 30);
    let _ = try_from_address(&kit, "198.51.100.9", OWNER, PASSWORD).await.expect(200);
    // What a client claims does not count, only what the gateway adds.
    locked(&try_from_address(&kit, &format!("198.51.100.77, {HOME}"), OWNER, PASSWORD).await);
    kit.clock.advance(Duration::from_secs(30));
    let _ = attempt(&kit, OWNER, PASSWORD).await.expect(200);
}

async fn whoever_guesses_from_elsewhere_keeps_nobody_out_at_home(backend: Backend) {
    let kit = ready(backend).await;
    for _ in 0..5 {
        let _ = try_from_address(&kit, "198.51.100.9", OWNER, WRONG).await.expect(401);
    }
    locked(&try_from_address(&kit, "198.51.100.9", OWNER, PASSWORD).await);
    let _ = attempt(&kit, OWNER, PASSWORD).await.expect(200);
    locked(&try_from_address(&kit, "198.51.100.9", OWNER, PASSWORD).await);
}

async fn guessing_from_many_networks_is_slow_and_a_known_browser_does_not_mind(backend: Backend) {
    let kit = ready(backend).await;
    let known = browser(&kit, OWNER).await;
    for network in 0..20 {
        let _ = try_from_address(&kit, &format!("198.51.100.{network}"), OWNER, WRONG).await.expect(401);
    }
    assert_eq!(locked(&try_from_address(&kit, "198.51.100.99", OWNER, WRONG).await), 30);
    locked(&attempt(&kit, OWNER, PASSWORD).await);
    let _ = try_in_browser(&kit, &known, OWNER, PASSWORD).await.expect(200);
    // What the browser did says nothing about the others.
    locked(&try_from_address(&kit, "198.51.100.99", OWNER, WRONG).await);
    kit.clock.advance(Duration::from_secs(30));
    let _ = attempt(&kit, OWNER, PASSWORD).await.expect(200);
}

async fn a_known_browser_has_five_tries_of_its_own(backend: Backend) {
    let kit = ready(backend).await;
    let known = browser(&kit, OWNER).await;
    for _ in 0..5 {
        let _ = try_in_browser(&kit, &known, OWNER, WRONG).await.expect(401);
    }
    assert_eq!(locked(&try_in_browser(&kit, &known, OWNER, PASSWORD).await), 30);
    let _ = attempt(&kit, OWNER, PASSWORD).await.expect(200);
    kit.clock.advance(Duration::from_secs(30));
    let reply = try_in_browser(&kit, &known, OWNER, PASSWORD).await.expect(200);
    assert_eq!(crate::support::cookie(&reply, "nexus_device_").unwrap(), known, "the browser stays the one it was");
}

async fn a_cookie_vouches_for_its_own_account_only(backend: Backend) {
    let kit = ready(backend).await;
    member(&kit, GRACE).await;
    let (owners, graces) = (browser(&kit, OWNER).await, browser(&kit, GRACE).await);
    let (name, value) = (graces.split('=').next().unwrap(), owners.split('=').nth(1).unwrap());
    for _ in 0..5 {
        let _ = attempt(&kit, GRACE, WRONG).await.expect(401);
    }
    let other = format!("{name}=x");
    for forged in [&owners, &format!("{name}={value}"), &format!("{name}={}", "A".repeat(43)), &other] {
        locked(&try_in_browser(&kit, forged, GRACE, PASSWORD).await);
    }
    let _ = try_in_browser(&kit, &graces, GRACE, PASSWORD).await.expect(200);
    let both = format!("{owners}; theme=dark; {graces}");
    let _ = try_in_browser(&kit, &both, GRACE, PASSWORD).await.expect(200);
}

async fn a_network_that_tries_many_accounts_waits(backend: Backend) {
    let kit = ready(backend).await;
    let known = browser(&kit, OWNER).await;
    for guess in 0..9 {
        // The same account twice is no other account, and one that was entered is none.
        let _ = attempt(&kit, &format!("somebody{guess}@example.com"), WRONG).await.expect(401);
        let _ = attempt(&kit, &format!("somebody{}@example.com", guess / 2), WRONG).await.expect(401);
        let _ = attempt(&kit, OWNER, PASSWORD).await.expect(200);
    }
    let _ = attempt(&kit, "the-tenth@example.com", WRONG).await.expect(401);
    assert_eq!(locked(&attempt(&kit, "one-more@example.com", WRONG).await), 30);
    locked(&attempt(&kit, OWNER, PASSWORD).await);
    let _ = try_in_browser(&kit, &known, OWNER, PASSWORD).await.expect(200);
    let _ = try_from_address(&kit, "198.51.100.9", OWNER, PASSWORD).await.expect(200);
    kit.clock.advance(Duration::from_hours(1));
    let _ = attempt(&kit, "one-more@example.com", WRONG).await.expect(401);
}

async fn a_lock_survives_a_restart(backend: Backend) {
    let kit = ready(backend).await;
    fail(&kit, OWNER, 5).await;
    let before = kit.context("auth-service").config.as_ref().clone();
    kit.cloud.shutdown().await;
    let again = Testkit::start_with(Backend::Sqlite, services(), |config| *config = before).await;
    assert!(locked(&attempt(&again, OWNER, PASSWORD).await) <= 30);
    again.clock.advance(Duration::from_mins(1));
    let _ = attempt(&again, OWNER, PASSWORD).await.expect(200);
}
