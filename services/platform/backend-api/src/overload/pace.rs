//! How long work waits for this process's own processors. An answer that is there is noticed only when a thread has time for it,
//! and the request to which it belongs then waits behind others: with busy processors that is most of what a request takes, and
//! it says nothing about the service.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use tokio::time::{Instant, sleep_until};
use tokio_util::sync::CancellationToken;

/// How often the wait is measured.
const EVERY: Duration = Duration::from_millis(5);
/// A timer is up to this late by itself.
const GRAIN: Duration = Duration::from_millis(2);
/// One measurement counts for so much against those before it, which is half a dozen.
const SHARE: u64 = 6;

/// The wait, as it is now.
#[derive(Debug, Default)]
pub(crate) struct Pace {
    wait_us: AtomicU64,
}

impl Pace {
    /// How long whatever could go on waits until it does.
    pub(crate) fn wait(&self) -> Duration {
        Duration::from_micros(self.wait_us.load(Ordering::Relaxed))
    }

    /// Measures until shutdown begins: a timer is noticed as an answer is, and then waits in the same line.
    pub(crate) async fn watch(&self, shutdown: CancellationToken) {
        let measuring = async {
            loop {
                let due = Instant::now() + EVERY;
                sleep_until(due).await;
                line_up().await;
                self.note(due.elapsed().saturating_sub(GRAIN));
            }
        };
        shutdown.run_until_cancelled(measuring).await;
    }

    fn note(&self, wait: Duration) {
        let wait = u64::try_from(wait.as_micros()).unwrap_or(u64::MAX);
        let before = self.wait_us.load(Ordering::Relaxed);
        // Rounded down, so that it comes back to nothing.
        self.wait_us.store(before.saturating_mul(SHARE - 1).saturating_add(wait) / SHARE, Ordering::Relaxed);
    }
}

/// Goes to the end of the line of what can go on; the timer's own waking may have gone before others.
async fn line_up() {
    let mut lined_up = false;
    std::future::poll_fn(|cx| {
        if std::mem::replace(&mut lined_up, true) {
            return std::task::Poll::Ready(());
        }
        cx.waker().wake_by_ref();
        std::task::Poll::Pending
    })
    .await;
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;

    #[test]
    fn busy_processors_show_and_idle_ones_do_so_too() {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
        runtime.block_on(async {
            let (pace, shutdown) = (Arc::new(Pace::default()), CancellationToken::new());
            let watching = tokio::spawn({
                let (pace, shutdown) = (Arc::clone(&pace), shutdown.clone());
                async move { pace.watch(shutdown).await }
            });
            let busy = tokio::spawn(async {
                loop {
                    let began = Instant::now();
                    while began.elapsed() < Duration::from_millis(40) {
                        std::hint::spin_loop();
                    }
                    tokio::task::yield_now().await;
                }
            });
            wait_until(|| pace.wait() >= Duration::from_millis(15)).await;
            busy.abort();
            wait_until(|| pace.wait() < Duration::from_millis(5)).await;
            shutdown.cancel();
            watching.await.unwrap();
        });
    }

    async fn wait_until(condition: impl Fn() -> bool) {
        let limit = Instant::now() + Duration::from_secs(30);
        while !condition() {
            assert!(Instant::now() < limit);
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
    }
}
