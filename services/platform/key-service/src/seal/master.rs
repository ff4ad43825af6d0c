//! The master key: from a file, or from a passphrase. Shares are in `shares`.

use std::fs::OpenOptions;
use std::io::{self, Read, Write};
use std::os::unix::fs::{OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};

use argon2::{Algorithm, Argon2, Params, Version};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use nexus_kernel::Context;
use nexus_kernel::config::Secret;
use zeroize::Zeroizing;

use crate::aead::{KEY_LENGTH, Key, random_key};
use crate::error::Error;

/// The shortest passphrase, in characters.
const MIN_PASSPHRASE: usize = 20;

/// 64 MiB, three passes, four lanes: what RFC 9106 section 4 recommends where memory is short.
const PARAMS: Params = match Params::new(64 * 1_024, 3, 4, Some(KEY_LENGTH)) {
    Ok(params) => params,
    Err(_) => panic!("these are in their ranges"),
};

/// Where the file is.
pub(super) fn place(context: &Context) -> PathBuf {
    let configured = &context.config.keys.file;
    if configured.as_os_str().is_empty() {
        context.config.data.join("keys").join("master.key")
    } else {
        configured.clone()
    }
}

/// The key in the file.
pub(super) fn read_file(place: &Path) -> Result<Key, Error> {
    let failed = |error: io::Error| {
        Error::Master(format!(
            "the master key {} can't be read: {error}; bring it back from where you keep it",
            place.display()
        ))
    };
    let mut file = OpenOptions::new().read(true).open(place).map_err(failed)?;
    let mode = file.metadata().map_err(failed)?.permissions().mode();
    if mode & 0o077 != 0 {
        return Err(Error::Master(format!("others may read the master key {0}: run `chmod 600 {0}`", place.display())));
    }
    let mut text = Zeroizing::new(String::new());
    file.read_to_string(&mut text).map_err(failed)?;
    decode(text.trim())
        .ok_or_else(|| Error::Master(format!("{} is no master key: it must be 32 bytes in base64", place.display())))
}

/// The key in the file, which is made when it is not there. Two processes that make it at once end with the same one.
pub(super) fn read_or_make_file(place: &Path) -> Result<Key, Error> {
    let failed = |error: io::Error| Error::Master(format!("the master key {} can't be made: {error}", place.display()));
    if place.exists() {
        return read_file(place);
    }
    let folder = place.parent().unwrap_or(Path::new("."));
    std::fs::create_dir_all(folder).map_err(failed)?;
    let text = Zeroizing::new(STANDARD.encode(*random_key()));
    // Written under a name of its own and then linked: whoever sees the file sees all of it.
    let draft = folder.join(format!(".master.{}", std::process::id()));
    let mut file =
        OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(&draft).map_err(failed)?;
    file.write_all(text.as_bytes())
        .and_then(|()| file.write_all(b"\n"))
        .and_then(|()| file.sync_all())
        .map_err(failed)?;
    let linked = std::fs::hard_link(&draft, place);
    std::fs::remove_file(&draft).map_err(failed)?;
    match linked {
        Ok(()) => std::fs::File::open(folder).and_then(|folder| folder.sync_all()).map_err(failed)?,
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
        Err(error) => return Err(failed(error)),
    }
    read_file(place)
}

fn decode(text: &str) -> Option<Key> {
    let bytes = Zeroizing::new(STANDARD.decode(text).ok()?);
    bytes.as_slice().try_into().ok().map(Zeroizing::new)
}

/// The key that a passphrase makes, off the async threads.
pub(super) async fn from_passphrase(passphrase: &Secret, salt: Vec<u8>) -> Result<Key, Error> {
    if passphrase.expose().chars().count() < MIN_PASSPHRASE {
        return Err(Error::Master(format!("keys.passphrase needs at least {MIN_PASSPHRASE} characters")));
    }
    let passphrase = passphrase.clone();
    let hashing = tokio::task::spawn_blocking(move || {
        let mut key = Key::default();
        Argon2::new(Algorithm::Argon2id, Version::V0x13, PARAMS)
            .hash_password_into(passphrase.expose().as_bytes(), &salt, key.as_mut_slice())
            .map(|()| key)
    });
    let hashed = hashing.await.map_err(|error| Error::Master(error.to_string()))?;
    hashed.map_err(|error| Error::Master(error.to_string()))
}
