//! How long jobs wait before they try again what another program did not take.

use std::time::Duration;

/// The wait after that many failed attempts: 1 s, 2 s, 4 s and so on, up to a limit.
pub fn backoff(attempts: i64, longest: Duration) -> Duration {
    let doublings = u32::try_from(attempts).unwrap_or(0).min(16);
    Duration::from_secs(1 << doublings).min(longest)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn the_wait_grows_up_to_its_limit_and_is_never_zero(attempts in 0_i64..1_000_000, longest in 1_u64..100_000) {
            let longest = Duration::from_secs(longest);
            prop_assert!(backoff(attempts, longest) >= Duration::from_secs(1));
            prop_assert!(backoff(attempts, longest) <= backoff(attempts + 1, longest));
            prop_assert!(backoff(attempts, longest) <= longest);
        }
    }
}
