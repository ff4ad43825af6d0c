//! Secrets: values with versions, in folders.

mod path;
mod secret;
mod secrets;

pub(crate) use path::{Folder, Path};
pub(crate) use secret::{MetadataChange, Rules, Secret, Version};
pub(crate) use secrets::{
    Found, change_metadata, change_rules, delete, deletion_time, destroy, forget, list, merge, metadata, read, rules,
    undelete, write,
};
