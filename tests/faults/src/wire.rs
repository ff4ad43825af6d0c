//! What clients and the victim say to each other.

use nexus_kernel::TenantId;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

/// Keeps entries; one of its instances is the leader. The services borrow names of the registry: what they do is the suite's own.
pub const WRITER: &str = "ledger-mgr";
/// Hears of entries and applies each.
pub const LISTENER: &str = "scheduler";
/// Takes clients' requests and passes them on.
pub const FRONT: &str = "backend-api";
/// Whose entries they are.
pub const TENANT: TenantId = TenantId(Uuid::from_u128(1));
/// The job that one instance runs at a time.
pub const LEADER: &str = "lead";
/// How many items a list has at most.
pub const PAGE: usize = 2_000;

/// Where the victim's process reads what it is to be.
pub mod variables {
    /// The services of the process, separated by commas.
    pub const SERVICES: &str = "FAULTS_SERVICES";
    /// Where the front listens for clients.
    pub const CLIENTS: &str = "FAULTS_CLIENTS";
}

/// Asks for an entry.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct NewEntry {
    /// The client's own name for its request.
    pub request: Uuid,
}

/// What a request made.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Entry {
    /// Its id.
    pub id: Uuid,
    /// The request that made it.
    pub request: Uuid,
}

/// What hearing of an entry did.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Effect {
    /// The entry.
    pub id: Uuid,
    /// How often it was applied.
    pub applied: i64,
}

/// What a leader did.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Act {
    /// Counts all acts in the order of their commits.
    pub number: i64,
    /// The lease's token.
    pub token: i64,
    /// The process that acted.
    pub process: Uuid,
}

/// A part of a list, in the order of its keys.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Page<T> {
    /// At most [`PAGE`].
    pub items: Vec<T>,
}
