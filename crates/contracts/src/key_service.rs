//! What key-service announces to its own instances. Other services' columns are sealed through the kernel's `context.sealer()`.

use nexus_kernel::TenantId;
use nexus_kernel::events::Event;
use serde::{Deserialize, Serialize};

/// The service's name.
pub const SERVICE: &str = "key-service";

/// A context was made unreadable: whoever has its key in memory forgets it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ContextShredded {
    /// Whose key it was.
    pub service: String,
    /// The SHA-256 of the context, in hexadecimal digits.
    pub context_hash: String,
}

impl Event for ContextShredded {
    const TYPE: &'static str = "key-service.context.shredded.v1";
    const SOURCE: &'static str = SERVICE;

    fn key(&self) -> String {
        self.context_hash.clone()
    }
}

/// A key of an organisation was made, changed, rotated or deleted.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct KeyChanged {
    /// The organisation.
    pub tenant: TenantId,
    /// The key's name.
    pub name: String,
}

impl Event for KeyChanged {
    const TYPE: &'static str = "key-service.key.changed.v1";
    const SOURCE: &'static str = SERVICE;

    fn key(&self) -> String {
        format!("{}/{}", self.tenant, self.name)
    }
}

/// Somebody sealed the keys: no instance opens anything until it is unsealed again.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct KeysSealed {}

impl Event for KeysSealed {
    const TYPE: &'static str = "key-service.keys.sealed.v1";
    const SOURCE: &'static str = SERVICE;

    fn key(&self) -> String {
        SERVICE.to_owned()
    }
}
