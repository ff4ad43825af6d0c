//! What a store in a folder can do beyond others: take files over, and hand them out.

use std::path::Path;

/// Moves a file to its place below a folder, durably; false when that is on another disk.
pub(super) async fn move_below(root: &Path, key: &str, file: &Path) -> std::io::Result<bool> {
    let place = root.join(key);
    let folder = place.parent().unwrap_or(root);
    tokio::fs::create_dir_all(folder).await?;
    tokio::fs::File::open(file).await?.sync_all().await?;
    match tokio::fs::rename(file, &place).await {
        Err(error) if error.kind() == std::io::ErrorKind::CrossesDevices => return Ok(false),
        moved => moved?,
    }
    sync_names(root, folder).await?;
    Ok(true)
}

/// Makes the names in a folder durable, and the names of the folders above it that are new.
pub(super) async fn sync_names(root: &Path, folder: &Path) -> std::io::Result<()> {
    for above in folder.ancestors().take_while(|above| above.starts_with(root)) {
        tokio::fs::File::open(above).await?.sync_all().await?;
    }
    Ok(())
}

/// Removes what a killed process left of files that it had not finished: they have no keys, so that no list shows them.
pub(super) async fn remove_leftovers(folder: &Path) -> std::io::Result<()> {
    match tokio::fs::remove_dir_all(folder).await {
        Err(error) if !matches!(error.kind(), std::io::ErrorKind::NotFound | std::io::ErrorKind::NotADirectory) => {
            Err(error)
        }
        _ => Ok(()),
    }
}
