//! Services that need each other.

use nexus_kernel::registry::ServiceEntry;

/// Whether a service depends on itself by way of others. Of those that do, none would ever be ready if each were found only
/// once it is: so they must be found before.
pub(super) fn is_in_one(service: &ServiceEntry, services: &[&ServiceEntry]) -> bool {
    let mut waiting: Vec<&str> = dependencies(service);
    let mut seen: Vec<&str> = Vec::new();
    while let Some(name) = waiting.pop() {
        if name == service.name {
            return true;
        }
        if seen.contains(&name) {
            continue;
        }
        seen.push(name);
        waiting.extend(services.iter().filter(|other| other.name == name).flat_map(|other| dependencies(other)));
    }
    false
}

fn dependencies(service: &ServiceEntry) -> Vec<&str> {
    service.deps.iter().map(String::as_str).collect()
}

#[cfg(test)]
mod tests {
    use nexus_kernel::registry::Registry;

    use super::*;

    #[test]
    fn billing_and_invoices_need_each_other_and_tokens_need_nobody_who_needs_them() {
        let all: Vec<_> = Registry::built_in().services.iter().collect();
        let cyclic = |name| is_in_one(Registry::built_in().service(name).unwrap(), &all);
        assert!(cyclic("billing-service") && cyclic("invoice-gen"));
        assert!(!cyclic("token-mgr") && !cyclic("ledger-mgr"));
    }
}
