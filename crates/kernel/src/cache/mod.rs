//! What may be forgotten at any moment: cached values with a time to live, and rate limits.
//!
//! Two backends behind one type: this process's memory, or Redis, which several processes share. What expires is decided by
//! the injected clock on both; Redis' own expiry only frees memory.
//!
//! **When Redis is down** every call fails at once with [`CacheError`], and is tried on a new connection by itself. A caller
//! goes on without: it computes the value that it did not find, it drops what it wanted to keep, and it lets a request
//! pass whose limit it cannot check, with a warning in the log. Nothing that must not be lost or must not happen twice may
//! depend on the cache.

mod embedded;
mod redis;
#[cfg(test)]
mod tests;

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;

use crate::limit::{Decision, Quota};
use crate::time::Clock;

use embedded::Embedded;
use redis::Redis;

/// The cache could not answer. Go on without it.
#[derive(Debug, Clone, thiserror::Error)]
pub enum CacheError {
    /// The URL names no Redis server.
    #[error("not a redis:// URL: {0}")]
    Url(String),
    /// The server does not answer.
    #[error("Redis does not answer: {0}")]
    Unavailable(String),
    /// The server answered what only a foreign value under our key explains.
    #[error("Redis holds something else under this key: {0}")]
    Foreign(String),
}

/// Cached values and rate limits; cheap to clone.
#[derive(Clone)]
pub struct Cache(Arc<Backend>);

enum Backend {
    Embedded(Embedded),
    Redis(Redis),
}

impl Cache {
    /// In this process's memory.
    pub fn embedded(clock: Clock) -> Self {
        Self(Arc::new(Backend::Embedded(Embedded::new(clock))))
    }

    /// In the Redis server at this URL, which must answer now; later outages are errors of single calls.
    pub async fn redis(url: &str, clock: Clock) -> Result<Self, CacheError> {
        Ok(Self(Arc::new(Backend::Redis(Redis::connect(url, clock).await?))))
    }

    /// The value, unless it is absent or its time is over.
    pub async fn get(&self, key: &str) -> Result<Option<Bytes>, CacheError> {
        match &*self.0 {
            Backend::Embedded(memory) => Ok(memory.get(key).await),
            Backend::Redis(redis) => redis.get(key).await,
        }
    }

    /// Keeps the value this long, if there is room.
    pub async fn set(&self, key: &str, value: impl Into<Bytes>, ttl: Duration) -> Result<(), CacheError> {
        match &*self.0 {
            Backend::Embedded(memory) => {
                memory.set(key, value.into(), ttl).await;
                Ok(())
            }
            Backend::Redis(redis) => redis.set(key, value.into(), ttl).await,
        }
    }

    /// Forgets the value.
    pub async fn delete(&self, key: &str) -> Result<(), CacheError> {
        match &*self.0 {
            Backend::Embedded(memory) => {
                memory.delete(key).await;
                Ok(())
            }
            Backend::Redis(redis) => redis.delete(key).await,
        }
    }

    /// Counts one request against the key's quota and decides on it, atomically. Limits and values share no keys.
    pub async fn limit(&self, key: &str, quota: Quota) -> Result<Decision, CacheError> {
        match &*self.0 {
            Backend::Embedded(memory) => Ok(memory.limit(key, quota).await),
            Backend::Redis(redis) => redis.limit(key, quota).await,
        }
    }
}

impl fmt::Debug for Cache {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match &*self.0 {
            Backend::Embedded(_) => "Cache(embedded)",
            Backend::Redis(_) => "Cache(redis)",
        })
    }
}
