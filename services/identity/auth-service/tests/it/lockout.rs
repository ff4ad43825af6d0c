use std::time::Duration;

use futures::future::join_all;
use nexus_testkit::{Backend, Reply, Testkit};

use crate::on_each_database;
use crate::support::{GRACE, HOME, OWNER, PASSWORD, attempt, member, ready, try_from_address};

const WRONG: &str = "wrong password";

on_each_database!(
    after_five_failures_an_account_waits_and_longer_each_time,
    a_right_password_forgets_the_failures,
    an_unknown_address_is_locked_just_the_same,
    attempts_at_the_same_moment_do_not_outnumber_the_limit,
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
        // The right password does not help while it lasts, from wherever it comes, and trying does not make it longer.
        assert_eq!(locked(&attempt(&kit, OWNER, PASSWORD).await), expected);
        assert_eq!(locked(&try_from_address(&kit, "198.51.100.9", OWNER, WRONG).await), expected);
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
        let _ = attempt(&kit, &format!("somebody{guess}@example.com"), WRONG).await.expect(401);
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

async fn a_lock_survives_a_restart(backend: Backend) {
    let kit = ready(backend).await;
    fail(&kit, OWNER, 5).await;
    let before = kit.context("auth-service").config.as_ref().clone();
    kit.cloud.shutdown().await;
    let services = vec![user_auth::service(), auth_service::service(), session_mgr::service(), token_mgr::service()];
    let again = Testkit::start_with(Backend::Sqlite, services, |config| *config = before).await;
    assert!(locked(&attempt(&again, OWNER, PASSWORD).await) <= 30);
    again.clock.advance(Duration::from_mins(1));
    let _ = attempt(&again, OWNER, PASSWORD).await.expect(200);
}
