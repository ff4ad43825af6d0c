//! Keys: paths without empty, relative or hidden parts, so that none leads out of the store.

use object_store::path::Path as BlobPath;

use super::BlobError;

/// The key as the store takes it.
pub(super) fn parse(key: &str) -> Result<BlobPath, BlobError> {
    let wrong = || BlobError::InvalidKey(key.to_owned());
    let path = BlobPath::parse(key).map_err(|_| wrong())?;
    if key.is_empty() || path.as_ref() != key || path.parts().any(|part| part.as_ref().starts_with('.')) {
        return Err(wrong());
    }
    Ok(path)
}
