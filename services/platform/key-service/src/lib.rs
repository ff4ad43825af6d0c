//! key-service keeps the keys and the secrets of organisations, as Vault's clients ask for them: transit keys that encrypt and never
//! leave, and secrets with versions. It encrypts other services' columns, one key a service and context. Everything at rest is under
//! root keys, and those under a master key that is never in the store.

mod aead;
mod asker;
mod audit;
mod columns;
mod error;
mod kv;
mod routes;
mod seal;
mod store;
mod transit;

use std::time::Duration;

use axum::middleware::from_fn;
use nexus_contracts::key_service::{ContextShredded, KeyChanged, KeysSealed};
use nexus_kernel::store::Migration;
use nexus_kernel::{Job, Service};

/// How often a sealed process looks whether it can open by itself.
const LOOK: Duration = Duration::from_secs(5);
const MINUTE: Duration = Duration::from_mins(1);
const HOUR: Duration = Duration::from_hours(1);

static MIGRATIONS: [Migration; 1] = [Migration::new(1, "keys", include_str!("../migrations/0001_keys.sql"))];

/// The service's definition.
pub fn service() -> Service {
    Service::new(nexus_contracts::key_service::SERVICE)
        .migrations(&MIGRATIONS)
        .policies(include_str!("../policies.cedar"))
        .state(|context| seal::Seal::new(&context.ids))
        .state(|_| transit::KeyCache::default())
        .state(|_| columns::ContextKeys::default())
        .state(|_| audit::Auditor::default())
        .ready("seal", |context| Box::pin(async move { seal::ready(&context).await }))
        .front(|router, _| router.layer(from_fn(routes::in_vaults_shape)))
        .routes(routes::router())
        .observe::<KeyChanged>("key-changed", |context, event| transit::observe_key_changed(context, &event))
        .observe::<ContextShredded>("shredded", |context, event| columns::observe_context_shredded(context, &event))
        .observe::<KeysSealed>("sealed", |context, event| seal::observe_sealed(context, &event))
        .job(Job::every(seal::JOB, LOOK, |context| Box::pin(seal::open_at_start(context))))
        .job(Job::singleton("rotate-keys", MINUTE, |context| Box::pin(transit::rotate_due(context))))
        .job(Job::singleton("forget-old-lines", HOUR, |context| Box::pin(audit::forget_old(context))))
}

#[cfg(test)]
mod tests {
    use serde_json::Value;

    use super::*;

    /// All values under the name `$ref`.
    fn references(value: &Value, found: &mut Vec<String>) {
        match value {
            Value::Object(object) => {
                found.extend(object.get("$ref").and_then(Value::as_str).map(str::to_owned));
                object.values().for_each(|inner| references(inner, found));
            }
            Value::Array(items) => items.iter().for_each(|inner| references(inner, found)),
            _ => {}
        }
    }

    #[test]
    fn everything_that_the_document_refers_to_is_in_it() {
        let document = serde_json::to_value(service().document()).unwrap_or_default();
        let mut found = Vec::new();
        references(&document, &mut found);
        assert!(found.len() > 100, "{}", found.len());
        for reference in found {
            let place = reference.strip_prefix('#').and_then(|pointer| document.pointer(pointer));
            assert!(place.is_some(), "{reference}");
        }
    }

    #[test]
    fn every_parameter_of_a_path_is_described_under_its_own_name() {
        let document = serde_json::to_value(service().document()).unwrap_or_default();
        let mut seen = 0;
        for (path, item) in document["paths"].as_object().into_iter().flatten() {
            assert!(!path.contains('*'), "{path}");
            for operation in item.as_object().into_iter().flatten().map(|(_, operation)| operation) {
                let parameters = operation["parameters"].as_array().cloned().unwrap_or_default();
                let mut named: Vec<String> = parameters
                    .iter()
                    .filter(|one| one["in"] == "path")
                    .map(|one| format!("{{{}}}", one["name"].as_str().unwrap_or_default()))
                    .collect();
                let mut expected: Vec<String> =
                    path.split('/').filter(|part| part.starts_with('{')).map(str::to_owned).collect();
                named.sort_unstable();
                expected.sort_unstable();
                assert_eq!(named, expected, "{path}");
                seen += 1;
            }
        }
        assert!(seen > 30, "{seen}");
    }
}
