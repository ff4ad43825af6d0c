//! Time, injected: a clock that tests move, and instants as whole microseconds.

use std::fmt;
use std::str::FromStr;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

use serde::{Deserialize, Deserializer, Serialize, Serializer};
use utoipa::openapi::schema::{KnownFormat, ObjectBuilder, SchemaFormat, Type};
use utoipa::openapi::{RefOr, Schema};
use utoipa::{PartialSchema, ToSchema};

use crate::simulation::Simulation;
use crate::store::{FromValue, Value};

/// An instant: microseconds since 1970-01-01T00:00:00Z. RFC 3339 in JSON, BIGINT in SQL.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Timestamp(i64);

impl Timestamp {
    /// The instant that many microseconds after the epoch.
    pub const fn from_micros(micros: i64) -> Self {
        Self(micros)
    }

    /// Microseconds since the epoch.
    pub const fn as_micros(self) -> i64 {
        self.0
    }

    /// A moment by its whole seconds since the epoch (`NumericDate`, RFC 7519 section 2).
    pub const fn from_seconds(seconds: i64) -> Self {
        Self(seconds.saturating_mul(1_000_000))
    }

    /// Whole seconds since the epoch (`NumericDate`, RFC 7519 section 2).
    pub const fn as_seconds(self) -> i64 {
        self.0.div_euclid(1_000_000)
    }

    /// This much later.
    #[must_use]
    pub fn plus(self, duration: Duration) -> Self {
        Self(self.0.saturating_add(micros(duration)))
    }

    /// This much earlier.
    #[must_use]
    pub fn minus(self, duration: Duration) -> Self {
        Self(self.0.saturating_sub(micros(duration)))
    }

    /// How long after `earlier` this is; zero when it is not after.
    pub fn since(self, earlier: Self) -> Duration {
        Duration::from_micros(u64::try_from(self.0.saturating_sub(earlier.0)).unwrap_or(0))
    }
}

fn micros(duration: Duration) -> i64 {
    i64::try_from(duration.as_micros()).unwrap_or(i64::MAX)
}

impl fmt::Display for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match jiff::Timestamp::from_microsecond(self.0) {
            Ok(instant) => instant.fmt(f),
            Err(_) => write!(f, "{}us", self.0),
        }
    }
}

impl FromStr for Timestamp {
    type Err = jiff::Error;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        text.parse::<jiff::Timestamp>().map(|instant| Self(instant.as_microsecond()))
    }
}

impl Serialize for Timestamp {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Timestamp {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(serde::de::Error::custom)
    }
}

impl PartialSchema for Timestamp {
    fn schema() -> RefOr<Schema> {
        ObjectBuilder::new()
            .schema_type(Type::String)
            .format(Some(SchemaFormat::KnownFormat(KnownFormat::DateTime)))
            .description(Some("RFC 3339, UTC"))
            .examples(["2026-03-01T09:30:00Z"])
            .into()
    }
}

impl ToSchema for Timestamp {}

impl From<Timestamp> for Value {
    fn from(instant: Timestamp) -> Self {
        Value::Int(instant.0)
    }
}

impl FromValue for Timestamp {
    fn from_value(value: &Value) -> Option<Self> {
        i64::from_value(value).map(Self)
    }
}

/// Tells the time: the machine's, or one that a test moves.
#[derive(Debug, Clone, Default)]
pub struct Clock {
    manual: Option<Arc<Manual>>,
}

#[derive(Debug)]
struct Manual {
    micros: AtomicI64,
    simulation: Option<Arc<Simulation>>,
}

impl Clock {
    /// The machine's clock.
    pub fn system() -> Self {
        Self::default()
    }

    /// A clock that stands still until [`Clock::advance`].
    pub fn manual(start: Timestamp) -> Self {
        Self { manual: Some(Arc::new(Manual { micros: AtomicI64::new(start.as_micros()), simulation: None })) }
    }

    /// The clock of a simulated process: it stands still like a manual one, and chance comes from the simulation.
    pub fn simulated(start: Timestamp, simulation: Arc<Simulation>) -> Self {
        let micros = AtomicI64::new(start.as_micros());
        Self { manual: Some(Arc::new(Manual { micros, simulation: Some(simulation) })) }
    }

    pub(crate) fn simulation(&self) -> Option<&Arc<Simulation>> {
        self.manual.as_ref()?.simulation.as_ref()
    }

    /// A part of this duration, at least half of it, so that what began together does not go on together.
    pub(crate) fn jittered(&self, duration: Duration) -> Duration {
        let chance = self.simulation().map_or_else(rand::random::<f64>, |simulation| simulation.chance());
        duration.mul_f64(chance.mul_add(0.5, 0.5))
    }

    /// Now.
    pub fn now(&self) -> Timestamp {
        match &self.manual {
            Some(manual) => Timestamp(manual.micros.load(Ordering::SeqCst)),
            None => Timestamp(jiff::Timestamp::now().as_microsecond()),
        }
    }

    /// Moves a manual clock on; does nothing to the machine's.
    pub fn advance(&self, duration: Duration) {
        if let Some(manual) = &self.manual {
            manual.micros.fetch_add(micros(duration), Ordering::SeqCst);
        }
    }

    /// Whether it is the machine's.
    pub(crate) fn is_machines(&self) -> bool {
        self.manual.is_none()
    }

    /// Sets a manual clock, forth or back; does nothing to the machine's.
    pub fn set(&self, now: Timestamp) {
        if let Some(manual) = &self.manual {
            manual.micros.store(now.as_micros(), Ordering::SeqCst);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn an_instant_survives_json(micros in -62_000_000_000_000_000_i64..253_000_000_000_000_000) {
            let instant = Timestamp::from_micros(micros);
            let json = serde_json::to_string(&instant).unwrap();
            prop_assert_eq!(serde_json::from_str::<Timestamp>(&json).unwrap(), instant);
        }
    }

    #[test]
    fn durations_never_wrap() {
        assert_eq!(Timestamp::from_micros(i64::MAX).plus(Duration::from_secs(1)).as_micros(), i64::MAX);
        assert_eq!(Timestamp::from_micros(0).since(Timestamp::from_micros(5)), Duration::ZERO);
    }
}
