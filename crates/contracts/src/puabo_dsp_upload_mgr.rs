//! What others may know about puabo-dsp-upload-mgr: where it keeps the files that it received.

use nexus_kernel::TenantId;
use uuid::Uuid;

/// The service's name.
pub const SERVICE: &str = "puabo-dsp-upload-mgr";

/// Where a received file is in the blob store.
pub fn source_key(tenant: TenantId, upload: Uuid) -> String {
    format!("uploads/{tenant}/{upload}")
}
