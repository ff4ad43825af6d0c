//! Queries about signing keys, which belong to the cloud and not to a tenant.

use nexus_contracts::token_mgr::SigningAlgorithm;
use nexus_kernel::seal::Sealed;
use nexus_kernel::store::{FromRow, Query, Row, Scope, StoreError};
use nexus_kernel::{Context, params};
use zeroize::Zeroizing;

use crate::keys::{SigningKey, StoredKey, StoredSeed};

impl FromRow for StoredKey {
    fn from_row(row: &Row) -> Result<Self, StoreError> {
        let algorithm: String = row.get("algorithm")?;
        let sealed: Option<Sealed> = row.get("sealed")?;
        Ok(Self {
            kid: row.get("kid")?,
            algorithm: match algorithm.as_str() {
                "ES256" => SigningAlgorithm::ES256,
                _ => SigningAlgorithm::EdDSA,
            },
            generation: row.get("generation")?,
            seed: match sealed {
                Some(sealed) => StoredSeed::Sealed(sealed),
                None => StoredSeed::Plain(Zeroizing::new(row.get("seed")?)),
            },
            active_from: row.get("active_from")?,
        })
    }
}

/// All keys, those of each algorithm in the order of their generations.
pub(crate) async fn signing_keys(context: &Context) -> Result<Vec<StoredKey>, StoreError> {
    context
        .store
        .read(Scope::System)
        .query(
            "SELECT kid, algorithm, generation, sealed, seed, active_from FROM signing_keys
             ORDER BY algorithm, generation",
            params![],
        )
        .await
}

/// Adds a key, unless another process has made the same generation meanwhile.
pub(crate) async fn add_signing_key(context: &Context, key: &SigningKey, sealed: &Sealed) -> Result<(), StoreError> {
    let mut tx = context.store.begin(Scope::System).await?;
    tx.execute(
        "INSERT INTO signing_keys (kid, algorithm, generation, sealed, active_from) VALUES ($1, $2, $3, $4, $5)
         ON CONFLICT (algorithm, generation) DO NOTHING",
        params![key.kid.as_str(), key.algorithm.as_str(), key.generation, sealed.clone(), key.active_from],
    )
    .await?;
    tx.commit().await
}

/// Keeps a key's seed only as it was sealed from now on.
pub(crate) async fn seal_signing_key(context: &Context, kid: &str, sealed: &Sealed) -> Result<(), StoreError> {
    let mut tx = context.store.begin(Scope::System).await?;
    tx.execute(
        "UPDATE signing_keys SET sealed = $2, seed = NULL WHERE kid = $1 AND sealed IS NULL",
        params![kid, sealed.clone()],
    )
    .await?;
    tx.commit().await
}

/// Forgets an algorithm's keys of earlier generations.
pub(crate) async fn forget_signing_keys_before(
    context: &Context,
    algorithm: SigningAlgorithm,
    generation: i64,
) -> Result<(), StoreError> {
    let mut tx = context.store.begin(Scope::System).await?;
    let params = params![algorithm.as_str(), generation];
    tx.execute("DELETE FROM signing_keys WHERE algorithm = $1 AND generation < $2", params).await?;
    tx.commit().await
}
