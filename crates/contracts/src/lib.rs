//! What the services say to each other: one module a service, with its requests, replies, events and typed client.
//!
//! A service never depends on another service's crate; it uses the client from here. What is no service's is what several of
//! them say in the same words: how a device is called.

pub mod auth_service;
pub mod auth_service_v2;
pub mod content_management;
pub mod device;
pub mod key_service;
pub mod puabo_dsp_upload_mgr;
pub mod session_mgr;
pub mod streamcore;
pub mod streaming_service_v2;
pub mod token_mgr;
pub mod user_auth;
