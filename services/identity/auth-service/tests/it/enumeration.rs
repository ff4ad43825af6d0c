//! Nobody learns which addresses have accounts: not by what is said, and not by how long it takes.

use std::time::{Duration, Instant};

use nexus_testkit::{Backend, Testkit};

use crate::on_each_database;
use crate::support::{GRACE, OWNER, PASSWORD, attempt, member, ready, ready_for_codes, register};

const SAMPLES: usize = 60;

on_each_database!(
    an_unknown_address_takes_as_long_as_a_wrong_password,
    whatever_state_an_account_is_in_a_wrong_password_is_just_wrong,
);

async fn time(kit: &Testkit, email: &str) -> Duration {
    // Past every wait, so that nothing is locked.
    kit.clock.advance(Duration::from_hours(25));
    let start = Instant::now();
    let _ = attempt(kit, email, "wrong password").await.expect(401);
    start.elapsed()
}

/// How often one sample is greater than one of the others: one half when nothing tells them apart (Mann and Whitney's U, over
/// the number of pairs).
fn superiority(ones: &[Duration], others: &[Duration]) -> f64 {
    let greater = ones.iter().flat_map(|one| others.iter().map(move |other| one > other)).filter(|greater| *greater);
    let pairs = ones.len() * others.len();
    f64::from(u32::try_from(greater.count()).unwrap()) / f64::from(u32::try_from(pairs).unwrap())
}

async fn an_unknown_address_takes_as_long_as_a_wrong_password(backend: Backend) {
    let kit = ready(backend).await;
    let _ = attempt(&kit, OWNER, PASSWORD).await.expect(200);
    let (mut known, mut unknown) = (Vec::new(), Vec::new());
    for sample in 0..SAMPLES {
        // In turns, so that whatever else the machine does hits both alike.
        known.push(time(&kit, OWNER).await);
        unknown.push(time(&kit, &format!("nobody{sample}@example.com")).await);
    }
    // The standard error of U over the pairs is 0.053 for samples of this size: this is more than four of them, while an answer
    // without the hash is always faster, and gives 0 or 1.
    let share = superiority(&known, &unknown);
    assert!((0.27..=0.73).contains(&share), "a known address takes longer than an unknown one in {share} of all pairs");
}

async fn whatever_state_an_account_is_in_a_wrong_password_is_just_wrong(backend: Backend) {
    let kit = ready_for_codes(backend).await;
    register(&kit, "unverified@example.com").await;
    member(&kit, GRACE).await;
    let _app = crate::support::App::of(&kit, &crate::support::sign_in(&kit, GRACE).await).await;
    let reference = attempt(&kit, "nobody@example.com", "wrong password").await.expect(401);
    for email in [OWNER, GRACE, "unverified@example.com"] {
        let reply = attempt(&kit, email, "wrong password").await.expect(401);
        assert_eq!(reply.text(), reference.text(), "{email}");
        let names = |reply: &nexus_testkit::Reply| {
            let mut names: Vec<_> = reply.headers.keys().map(ToString::to_string).collect();
            names.sort();
            names
        };
        assert_eq!(names(&reply), names(&reference), "{email}");
    }
}
