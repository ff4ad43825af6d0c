//! The cache in a Redis server.

use std::time::Duration;

use bytes::Bytes;
use fred::clients::Client;
use fred::interfaces::{ClientLike, KeysInterface, LuaInterface};
use fred::types::config::{Config, ReconnectPolicy};
use fred::types::{Builder, Expiration};

use crate::limit::{Decision, Quota, decision};
use crate::time::{Clock, Timestamp};

use super::CacheError;

/// How long after its end, by the machine's clock, an entry still takes memory. The injected clock decides what is over, and
/// may go slower than the machine's.
pub(super) const KEPT_LONGER: Duration = Duration::from_mins(1);
/// How long a connection or an answer may take before the cache counts as down.
const ANSWER_LIMIT: Duration = Duration::from_millis(500);

/// [`crate::limit::gcra`], where the key lives, and by the time that it is there: gateways whose clocks differ count alike. Only a
/// clock that a test moves is given. `%.0f`, as Lua would print 17 digits as 1.6e+15.
const GCRA: &str = "
local given, interval, whole, kept = tonumber(ARGV[1]), tonumber(ARGV[2]), tonumber(ARGV[3]), tonumber(ARGV[4])
local now = given
if now == 0 then
  local time = redis.call('TIME')
  now = time[1] * 1000000 + time[2]
end
local known = tonumber(redis.call('GET', KEYS[1]) or now)
if known > now + whole then known = now end
local before = math.max(known, now)
local after = before + interval
if after - now > whole then
  return {0, string.format('%.0f', before), string.format('%.0f', now)}
end
local written = string.format('%.0f', after)
redis.call('SET', KEYS[1], written, 'PX', string.format('%.0f', math.ceil((after - now) / 1000) + kept))
return {1, written, string.format('%.0f', now)}
";

pub(super) struct Redis {
    client: Client,
    clock: Clock,
}

impl Redis {
    pub(super) async fn connect(url: &str, clock: Clock) -> Result<Self, CacheError> {
        // The error must not repeat the URL, which may hold a password.
        if !url.starts_with("redis://") {
            return Err(CacheError::Url("it must begin with redis://".to_owned()));
        }
        let config = Config::from_url(url).map_err(|error| CacheError::Url(error.details().to_owned()))?;
        let client = Builder::from_config(config)
            .with_connection_config(|connection| {
                connection.connection_timeout = ANSWER_LIMIT;
                connection.internal_command_timeout = ANSWER_LIMIT;
                connection.max_command_attempts = 1;
            })
            .with_performance_config(|performance| performance.default_command_timeout = ANSWER_LIMIT)
            .set_policy(ReconnectPolicy::new_exponential(0, 100, 5_000, 2))
            .build()
            .map_err(|error| CacheError::Url(error.details().to_owned()))?;
        client.init().await.map_err(|error| unavailable(&error))?;
        Ok(Self { client, clock })
    }

    /// A command given while there is no connection would wait for one.
    fn connected(&self) -> Result<&Client, CacheError> {
        if self.client.is_connected() {
            return Ok(&self.client);
        }
        Err(CacheError::Unavailable("the connection is down and is being made again".to_owned()))
    }

    pub(super) async fn get(&self, key: &str) -> Result<Option<Bytes>, CacheError> {
        let stored: Option<Bytes> = self.connected()?.get(value_key(key)).await.map_err(|error| unavailable(&error))?;
        let Some(stored) = stored else { return Ok(None) };
        let (expires_at, value) = unpack(&stored).ok_or_else(|| CacheError::Foreign(key.to_owned()))?;
        Ok((expires_at > self.clock.now()).then_some(value))
    }

    pub(super) async fn set(&self, key: &str, value: Bytes, ttl: Duration) -> Result<(), CacheError> {
        let kept = ttl.saturating_add(KEPT_LONGER).as_millis().min(MAX_KEPT_MILLIS);
        let expiration = Expiration::PX(i64::try_from(kept).unwrap_or(i64::MAX));
        let packed = pack(self.clock.now().plus(ttl), &value);
        let client = self.connected()?;
        client.set(value_key(key), packed, Some(expiration), None, false).await.map_err(|error| unavailable(&error))
    }

    pub(super) async fn delete(&self, key: &str) -> Result<(), CacheError> {
        self.connected()?.del(value_key(key)).await.map_err(|error| unavailable(&error))
    }

    pub(super) async fn limit(&self, key: &str, quota: Quota) -> Result<Decision, CacheError> {
        let given = if self.clock.is_machines() { 0 } else { self.clock.now().as_micros() };
        let kept = i64::try_from(KEPT_LONGER.as_millis()).unwrap_or(i64::MAX);
        let arguments = vec![given, quota.interval(), quota.whole(), kept];
        let key = format!("nexus:limit:{key}");
        let (allowed, whole_at, now): (i64, String, String) =
            self.connected()?.eval(GCRA, key.as_str(), arguments).await.map_err(|error| unavailable(&error))?;
        let instant =
            |text: &str| text.parse().map(Timestamp::from_micros).map_err(|_| CacheError::Foreign(key.clone()));
        Ok(decision(allowed == 1, instant(&whole_at)?, instant(&now)?, &quota))
    }
}

/// Redis refuses expiries that overflow; nobody caches for more than ten years.
const MAX_KEPT_MILLIS: u128 = 10 * 365 * 86_400 * 1_000;

fn value_key(key: &str) -> String {
    format!("nexus:value:{key}")
}

/// The instant of its end, then the value.
fn pack(expires_at: Timestamp, value: &[u8]) -> Bytes {
    [&expires_at.as_micros().to_be_bytes()[..], value].concat().into()
}

fn unpack(stored: &Bytes) -> Option<(Timestamp, Bytes)> {
    let (head, _) = stored.split_first_chunk::<8>()?;
    Some((Timestamp::from_micros(i64::from_be_bytes(*head)), stored.slice(8..)))
}

fn unavailable(error: &fred::error::Error) -> CacheError {
    CacheError::Unavailable(error.details().to_owned())
}
