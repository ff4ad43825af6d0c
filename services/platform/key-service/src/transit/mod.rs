//! Keys that people make and that never leave, unless they may be exported: they encrypt, decrypt and authenticate here.

mod cache;
mod ciphertext;
mod key;
mod keys;
mod rules;
mod unlocked;

pub(crate) use cache::{KeyCache, observe_key_changed};
pub(crate) use ciphertext::Token;
pub(crate) use key::{Kind, TransitKey, Version, resource};
pub(crate) use keys::{NewKey, configure, create, delete, export, find, names, rotate, rotate_due, trim, unlock};
pub(crate) use rules::KeyChange;
pub(crate) use unlocked::{Algorithm, Plain, Sealed, Unlocked};
