//! A directory's way in: SCIM 2.0 (RFC 7643, RFC 7644), by which Okta, Entra ID and others keep an organisation's people and
//! groups here as they are there.

pub(crate) mod attribute;
pub(crate) mod bulk;
pub(crate) mod discovery;
pub(crate) mod error;
mod filter;
mod groups;
mod matching;
mod patch;
mod people;
pub(crate) mod resource;
pub(crate) mod schema;
pub(crate) mod search;
pub(crate) mod service;

pub(crate) use self::groups::entry as group_entry;
pub(crate) use self::people::entry as person_entry;
