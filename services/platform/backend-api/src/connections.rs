//! How many connections are open, altogether and from one address, so that nobody alone can take all places.

use std::collections::{HashMap, VecDeque};
use std::net::IpAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use nexus_kernel::config::GatewayConfig;
use tokio_util::sync::CancellationToken;

/// The most handshakes at once.
const HANDSHAKES: usize = 1_024;

/// The open connections.
#[derive(Debug, Clone)]
pub(crate) struct Connections(Arc<Mutex<Open>>);

#[derive(Debug)]
struct Open {
    addresses: HashMap<IpAddr, usize>,
    together: usize,
    handshakes: VecDeque<(u64, CancellationToken)>,
    next_handshake: u64,
    most: Most,
}

#[derive(Debug, Clone, Copy)]
struct Most {
    together: usize,
    per_address: usize,
    handshakes: usize,
}

/// A place that is taken until this is dropped.
#[derive(Debug)]
pub(crate) struct Place {
    connections: Connections,
    address: IpAddr,
    handshake: Option<u64>,
}

impl Connections {
    /// As many as the configuration lets in.
    pub(crate) fn new(config: &GatewayConfig) -> Self {
        let (together, per_address) = (config.connections, config.connections_per_address);
        Self::bounded(Most { together, per_address, handshakes: HANDSHAKES })
    }

    fn bounded(most: Most) -> Self {
        Self(Arc::new(Mutex::new(Open {
            addresses: HashMap::new(),
            together: 0,
            handshakes: VecDeque::new(),
            next_handshake: 0,
            most,
        })))
    }

    fn open(&self) -> MutexGuard<'_, Open> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Takes a place; `None` when the address has all of its own, or all are taken.
    pub(crate) fn enter(&self, address: IpAddr) -> Option<Place> {
        let mut open = self.open();
        if open.together >= open.most.together || !open.admit(address) {
            return None;
        }
        open.together += 1;
        drop(open);
        Some(Place { connections: self.clone(), address, handshake: None })
    }

    /// Takes a place for a handshake, which is one of the address' own and none of those altogether. The token ends when the
    /// handshake must: when there are too many, the oldest makes room. Those that mean to end do so in no time, so that whoever
    /// begins many and ends none only drives out its own.
    pub(crate) fn begin(&self, address: IpAddr) -> Option<(Place, CancellationToken)> {
        let mut open = self.open();
        if !open.admit(address) {
            return None;
        }
        let (number, token) = (open.next_handshake, CancellationToken::new());
        open.next_handshake += 1;
        open.handshakes.push_back((number, token.clone()));
        if open.handshakes.len() > open.most.handshakes
            && let Some((_, oldest)) = open.handshakes.pop_front()
        {
            oldest.cancel();
        }
        drop(open);
        Some((Place { connections: self.clone(), address, handshake: Some(number) }, token))
    }
}

impl Open {
    fn admit(&mut self, address: IpAddr) -> bool {
        let most = self.most.per_address;
        let taken = self.addresses.entry(address).or_default();
        let free = *taken < most;
        *taken += usize::from(free);
        free
    }
}

impl Place {
    /// The handshake is over: the place becomes one of those altogether, if there is one left.
    pub(crate) fn shaken(mut self) -> Option<Self> {
        let connections = self.connections.clone();
        let mut open = connections.open();
        if open.together >= open.most.together {
            drop(open);
            return None;
        }
        open.together += 1;
        let number = self.handshake.take();
        open.handshakes.retain(|(known, _)| Some(*known) != number);
        drop(open);
        Some(self)
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut open = self.connections.open();
        match self.handshake {
            Some(number) => open.handshakes.retain(|(known, _)| *known != number),
            None => open.together -= 1,
        }
        if let Some(taken) = open.addresses.get_mut(&self.address) {
            *taken -= 1;
            if *taken == 0 {
                open.addresses.remove(&self.address);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::net::Ipv4Addr;

    use super::*;

    fn address(last: u8) -> IpAddr {
        IpAddr::V4(Ipv4Addr::new(203, 0, 113, last))
    }

    fn is_empty(connections: &Connections) -> bool {
        let open = connections.open();
        open.addresses.is_empty() && open.together == 0 && open.handshakes.is_empty()
    }

    #[test]
    fn one_address_can_not_take_the_places_of_another_and_gets_its_own_back() {
        let connections = Connections::bounded(Most { together: 10, per_address: 4, handshakes: 2 });
        let places: Vec<_> = std::iter::from_fn(|| connections.enter(address(1))).collect();
        assert_eq!(places.len(), 4);
        assert!(connections.enter(address(2)).is_some() && connections.begin(address(1)).is_none());
        drop(places);
        assert!(connections.enter(address(1)).is_some());
        assert!(is_empty(&connections));
    }

    #[test]
    fn however_many_addresses_come_the_places_altogether_are_bounded() {
        let connections = Connections::bounded(Most { together: 10, per_address: 4, handshakes: 2 });
        let places: Vec<_> = (0..=255).filter_map(|last| connections.enter(address(last))).collect();
        assert_eq!(places.len(), 10);
        let (shaking, _) = connections.begin(address(1)).unwrap();
        assert!(shaking.shaken().is_none());
        drop(places);
        assert!(connections.begin(address(1)).unwrap().0.shaken().is_some());
        assert!(is_empty(&connections));
    }

    #[test]
    fn handshakes_that_do_not_end_give_way_to_new_ones_and_hold_no_place_altogether() {
        let connections = Connections::bounded(Most { together: 1, per_address: 100, handshakes: 2 });
        let slow: Vec<_> = (1..=5).map(|last| connections.begin(address(last)).unwrap()).collect();
        let ended: Vec<_> = slow.iter().map(|(_, token)| token.is_cancelled()).collect();
        assert_eq!(ended, [true, true, true, false, false]);
        let (new, token) = connections.begin(address(9)).unwrap();
        assert!(!token.is_cancelled() && new.shaken().is_some());
    }
}
