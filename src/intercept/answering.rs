//! Who answers whom at one door: everybody alike, or some clients by an engine of their own. It may change at any time.

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::sync::{Arc, PoisonError};

use super::Door;
use super::hosts::{Hosts, Neighbours};
use crate::engine::Engine;

/// What answers a client, and which hosts are looked into for it.
#[derive(Clone)]
pub(super) struct Answering {
    /// `None`: nothing is played for this client.
    pub(super) engine: Option<Arc<Engine>>,
    pub(super) hosts: Arc<Hosts>,
}

/// What answers whom.
pub(super) struct Table {
    everybody: Answering,
    some: BTreeMap<IpAddr, Answering>,
}

impl Table {
    pub(super) fn new(everybody: Answering) -> Self {
        Self { everybody, some: BTreeMap::new() }
    }
}

impl Door {
    /// What answers everybody who has no engine of their own.
    pub fn engine(&self) -> Option<Arc<Engine>> {
        self.table.read().unwrap_or_else(PoisonError::into_inner).everybody.engine.clone()
    }

    /// From now on, another engine answers everybody who has none of their own.
    pub fn set_engine(&self, engine: Arc<Engine>) {
        self.table.write().unwrap_or_else(PoisonError::into_inner).everybody.engine = Some(engine);
    }

    /// From now on, an engine of their own answers clients of this address, for whom these neighbours are looked into.
    pub fn seat(&self, client: IpAddr, engine: Arc<Engine>, neighbours: Neighbours) {
        let mut table = self.table.write().unwrap_or_else(PoisonError::into_inner);
        let hosts = Arc::new(table.everybody.hosts.with(neighbours));
        table.some.insert(client.to_canonical(), Answering { engine: Some(engine), hosts });
    }

    /// From now on, clients of this address are answered as everybody is.
    pub fn unseat(&self, client: IpAddr) {
        self.table.write().unwrap_or_else(PoisonError::into_inner).some.remove(&client.to_canonical());
    }

    /// What answers a client by now.
    pub(super) fn answering(&self, client: IpAddr) -> Answering {
        let table = self.table.read().unwrap_or_else(PoisonError::into_inner);
        table.some.get(&client).unwrap_or(&table.everybody).clone()
    }
}
