//! Where the instances are, as the supervisor says.

use std::collections::HashMap;
use std::sync::{PoisonError, RwLock};

use nexus_kernel::discovery::{Discovery, Instance};

use super::fleet::Addresses;

/// The newest table.
#[derive(Debug, Default)]
pub(crate) struct Instances(RwLock<HashMap<String, Vec<Instance>>>);

impl Instances {
    /// From now on the instances are there.
    pub(crate) fn replace(&self, addresses: &Addresses) {
        // An address that can't be called would be a mistake of the process that announced it; the others are not to suffer.
        let instances = |urls: &Vec<String>| urls.iter().filter_map(|url| Instance::http(url).ok()).collect();
        let fresh = addresses.iter().map(|(service, urls)| (service.clone(), instances(urls))).collect();
        *self.0.write().unwrap_or_else(PoisonError::into_inner) = fresh;
    }
}

impl Discovery for Instances {
    fn instances(&self, service: &str) -> Vec<Instance> {
        self.0.read().unwrap_or_else(PoisonError::into_inner).get(service).cloned().unwrap_or_default()
    }
}
