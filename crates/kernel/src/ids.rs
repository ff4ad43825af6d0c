//! Identifiers: UUIDv7 (RFC 9562 section 5.7), each kind a type of its own.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use uuid::{Builder, Uuid};

use crate::time::Clock;

/// Declares a newtype over [`Uuid`] for one kind of thing, usable in JSON, paths, SQL and the OpenAPI document.
#[macro_export]
macro_rules! id_type {
    ($(#[$meta:meta])* $name:ident) => {
        $(#[$meta])*
        #[derive(
            Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash,
            $crate::ids::private::Serialize, $crate::ids::private::Deserialize, $crate::ids::private::ToSchema,
        )]
        #[serde(crate = "::nexus_kernel::ids::private::serde", transparent)]
        #[schema(value_type = String, format = Uuid, example = "0199b3a2-7c1e-7d40-8a51-3f0e6b9d2c11")]
        pub struct $name(pub $crate::ids::private::Uuid);

        impl ::std::fmt::Display for $name {
            fn fmt(&self, f: &mut ::std::fmt::Formatter<'_>) -> ::std::fmt::Result {
                ::std::fmt::Display::fmt(&self.0, f)
            }
        }

        impl ::std::str::FromStr for $name {
            type Err = <$crate::ids::private::Uuid as ::std::str::FromStr>::Err;

            fn from_str(text: &str) -> Result<Self, Self::Err> {
                text.parse().map(Self)
            }
        }

        impl From<$name> for $crate::store::Value {
            fn from(id: $name) -> Self {
                id.0.into()
            }
        }

        impl $crate::store::FromValue for $name {
            fn from_value(value: &$crate::store::Value) -> Option<Self> {
                $crate::store::FromValue::from_value(value).map(Self)
            }
        }
    };
}

/// What [`id_type!`] names; not for direct use.
#[doc(hidden)]
pub mod private {
    pub use serde::{self, Deserialize, Serialize};
    pub use utoipa::ToSchema;
    pub use uuid::Uuid;
}

id_type!(
    /// An organisation: everything that it has is invisible to every other.
    TenantId
);
id_type!(
    /// A person's account.
    UserId
);

/// Where ids and secrets come from, so that tests and simulation control them.
#[derive(Debug, Clone)]
pub struct Ids {
    clock: Clock,
}

impl Ids {
    /// Ids whose time part is the given clock's.
    pub fn new(clock: Clock) -> Self {
        Self { clock }
    }

    /// A new UUIDv7: sorts by time, unique everywhere.
    pub fn next(&self) -> Uuid {
        let millis = self.clock.now().as_micros().max(0).unsigned_abs() / 1_000;
        // From the generator that this thread has seeded from the operating system's, as asking that one costs a system call.
        Builder::from_unix_timestamp_millis(millis, &rand::random()).into_uuid()
    }

    /// A secret of 256 bits from the operating system's generator, base64url without padding (43 characters).
    pub fn random_token(&self) -> String {
        URL_SAFE_NO_PAD.encode(self.random_bytes::<32>())
    }

    /// That many bytes from the operating system's generator.
    pub fn random_bytes<const N: usize>(&self) -> [u8; N] {
        rand::random()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_sort_by_the_clock() {
        let clock = Clock::manual(crate::Timestamp::from_micros(1_700_000_000_000_000));
        let ids = Ids::new(clock.clone());
        let first = ids.next();
        clock.advance(std::time::Duration::from_millis(2));
        assert!(first < ids.next());
    }

    #[test]
    fn secrets_have_256_bits_and_differ() {
        let ids = Ids::new(Clock::system());
        let token = ids.random_token();
        assert_eq!(token.len(), 43);
        assert_ne!(token, ids.random_token());
    }
}
