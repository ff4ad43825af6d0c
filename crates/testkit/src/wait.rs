//! Waiting for a condition instead of sleeping.

use std::time::Duration;

use tokio::time::Instant;

/// Asks again until the answer is `Some`, for at most 20 s.
///
/// # Panics
/// When the time is over; the message names what was waited for.
pub async fn eventually<T>(what: &str, ask: impl AsyncFnMut() -> Option<T>) -> T {
    eventually_within(Duration::from_secs(20), what, ask).await
}

/// Asks again until the answer is `Some`, for at most this long.
///
/// # Panics
/// When the time is over; the message names what was waited for.
pub async fn eventually_within<T>(limit: Duration, what: &str, mut ask: impl AsyncFnMut() -> Option<T>) -> T {
    let end = Instant::now() + limit;
    loop {
        if let Some(answer) = ask().await {
            return answer;
        }
        assert!(Instant::now() < end, "waited {limit:?} in vain for: {what}");
        tokio::time::sleep(Duration::from_millis(15)).await;
    }
}
