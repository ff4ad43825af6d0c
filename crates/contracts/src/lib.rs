//! What the services say to each other: one module a service, with its requests, replies, events and typed client.
//!
//! A service never depends on another service's crate; it uses the client from here.

pub mod auth_service;
pub mod content_management;
pub mod puabo_dsp_upload_mgr;
pub mod session_mgr;
pub mod streamcore;
pub mod streaming_service_v2;
pub mod token_mgr;
pub mod user_auth;
