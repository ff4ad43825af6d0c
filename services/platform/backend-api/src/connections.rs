//! How many connections are open, altogether and from one address, so that nobody alone can take all places.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, PoisonError};

/// The most connections of one address. A proxy in front of many people is one address.
const PER_ADDRESS: usize = 1_024;

/// The open connections by address.
#[derive(Debug, Clone, Default)]
pub(crate) struct Connections(Arc<Mutex<HashMap<IpAddr, usize>>>);

/// A place that is taken until this is dropped.
#[derive(Debug)]
pub(crate) struct Place {
    connections: Connections,
    address: IpAddr,
}

impl Connections {
    /// Takes a place; `None` when the address has all of its own.
    pub(crate) fn enter(&self, address: IpAddr) -> Option<Place> {
        let mut open = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let taken = open.entry(address).or_default();
        if *taken >= PER_ADDRESS {
            return None;
        }
        *taken += 1;
        Some(Place { connections: self.clone(), address })
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut open = self.connections.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(taken) = open.get_mut(&self.address) {
            *taken -= 1;
            if *taken == 0 {
                open.remove(&self.address);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::net::Ipv4Addr;

    use super::*;

    #[test]
    fn one_address_can_not_take_the_places_of_another_and_gets_its_own_back() {
        let connections = Connections::default();
        let address = |last| IpAddr::V4(Ipv4Addr::new(203, 0, 113, last));
        let places: Vec<_> = std::iter::from_fn(|| connections.enter(address(1))).collect();
        assert_eq!(places.len(), PER_ADDRESS);
        assert!(connections.enter(address(2)).is_some());
        drop(places);
        assert!(connections.enter(address(1)).is_some());
        assert_eq!(connections.0.lock().unwrap().len(), 0);
    }
}
