//! Sockets that are open, and whose they are.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::Watch;

/// How many sockets each client has open, by its lane's name.
#[derive(Debug, Default)]
pub(super) struct Open(BTreeMap<String, usize>);

impl Open {
    /// Those of one client.
    pub(super) fn of(&self, lane: &str) -> usize {
        self.0.get(lane).copied().unwrap_or_default()
    }

    fn add(&mut self, lane: &str) {
        *self.0.entry(lane.to_owned()).or_default() += 1;
    }

    fn remove(&mut self, lane: &str) {
        match self.0.get_mut(lane) {
            Some(count) if *count > 1 => *count -= 1,
            _ => drop(self.0.remove(lane)),
        }
    }
}

/// A socket of a client, counted as open as long as this lives.
#[derive(Debug)]
pub(in crate::engine) struct OpenSocket {
    watch: Arc<Watch>,
    lane: String,
}

impl Drop for OpenSocket {
    fn drop(&mut self) {
        let mut state = self.watch.state();
        state.tallied.open -= 1;
        state.open.remove(&self.lane);
    }
}

impl Watch {
    /// Counts a socket of a client.
    pub(in crate::engine) fn opened(self: &Arc<Self>, lane: &str) -> OpenSocket {
        let mut state = self.state();
        state.tallied.sockets += 1;
        state.tallied.open += 1;
        state.open.add(lane);
        OpenSocket { watch: Arc::clone(self), lane: lane.to_owned() }
    }
}

#[cfg(test)]
mod tests {
    use std::net::Ipv4Addr;

    use super::*;
    use crate::exchange::LaneKey;
    use crate::mpsd::Service;

    #[test]
    fn sockets_are_counted_by_client() {
        let watch = Arc::new(Watch::default());
        let [guest, host] = [1, 2].map(|last| {
            let key = LaneKey::Address(Ipv4Addr::new(10, 0, 0, last).into());
            watch.lane(key, Service::Mpsd)
        });
        let open = |lane: &str| {
            let (callers, _) = watch.callers(9);
            callers.into_iter().find(|caller| caller.lane == lane).map(|caller| caller.sockets)
        };
        let (first, second) = (watch.opened(&guest), watch.opened(&guest));
        assert_eq!((open(&guest), open(&host), watch.tallied().open), (Some(2), Some(0), 2));
        drop(first);
        assert_eq!((open(&guest), open(&host)), (Some(1), Some(0)));
        drop(second);
        assert_eq!((open(&guest), watch.tallied().open, watch.tallied().sockets), (Some(0), 0, 2));
    }
}
