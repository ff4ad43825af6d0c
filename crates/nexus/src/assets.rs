//! The console: the files of web/dist, inside the binary in release builds, read from the folder in others.

use std::borrow::Cow;

use rust_embed::RustEmbed;

#[derive(RustEmbed)]
#[folder = "../../web/dist"]
#[allow_missing = true]
struct Dist;

/// The console's files.
#[derive(Debug)]
pub(crate) struct Console;

impl backend_api::Assets for Console {
    fn get(&self, path: &str) -> Option<Cow<'static, [u8]>> {
        Dist::get(path).map(|file| file.data)
    }
}
