//! What others may know about auth-service: its name. It signs people in by calling user-auth, session-mgr and token-mgr, and
//! announces nothing itself: session-mgr announces the sessions that it starts.

/// The service's name.
pub const SERVICE: &str = "auth-service";
