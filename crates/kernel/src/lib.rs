//! What every Nexus COS service stands on. The kernel knows no service.
//!
//! A service is a value: [`service::Service`] names its routes, migrations, event subscriptions, jobs, readiness checks and
//! policies, and the kernel gives it everything else: health, metrics, tracing, limits, the store, events, the mesh.

extern crate self as nexus_kernel;

pub mod auth;
pub mod authz;
mod backoff;
pub mod blobs;
pub mod cache;
mod cause;
pub mod config;
pub mod context;
pub mod discovery;
pub mod events;
pub mod extract;
pub mod idempotency;
pub mod ids;
mod jobs;
pub mod layers;
mod leader;
pub mod limit;
pub mod mesh;
pub mod metrics;
pub mod problem;
pub mod registry;
pub mod runtime;
pub mod scope;
pub mod seal;
pub mod service;
pub mod simulation;
pub mod store;
pub mod system_routes;
pub mod telemetry;
pub mod time;

pub use auth::{Caller, MaybePrincipal, Principal, Role};
pub use authz::Resource;
pub use backoff::backoff;
pub use cause::Cause;
pub use context::Context;
pub use ids::{Ids, TenantId, UserId};
pub use problem::Problem;
pub use service::{Job, Service};
pub use time::{Clock, Timestamp};
