//! Services at addresses that do not change.

use std::collections::HashMap;

use super::{Discovery, Instance, InvalidAddress};

/// Services at addresses that do not change.
#[derive(Debug, Clone, Default)]
pub struct StaticList(HashMap<String, Vec<Instance>>);

impl StaticList {
    /// Each service with its base URLs.
    pub fn new<S, U>(services: impl IntoIterator<Item = (S, U)>) -> Result<Self, InvalidAddress>
    where
        S: Into<String>,
        U: IntoIterator<Item: AsRef<str>>,
    {
        let instances = |urls: U| urls.into_iter().map(|url| Instance::http(url.as_ref())).collect::<Result<_, _>>();
        services
            .into_iter()
            .map(|(service, urls)| Ok((service.into(), instances(urls)?)))
            .collect::<Result<_, _>>()
            .map(Self)
    }
}

impl Discovery for StaticList {
    fn instances(&self, service: &str) -> Vec<Instance> {
        self.0.get(service).cloned().unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_static_list_knows_its_services_and_no_others() {
        let list = StaticList::new([("session-mgr", ["https://10.0.0.7:3101/", "https://10.0.0.8:3101"])]).unwrap();
        let ids: Vec<String> = list.instances("session-mgr").iter().map(|instance| instance.id().to_string()).collect();
        assert_eq!(ids, ["https://10.0.0.7:3101", "https://10.0.0.8:3101"]);
        assert!(list.instances("token-mgr").is_empty());
        assert!(StaticList::new([("a", ["host:1"])]).is_err());
    }
}
