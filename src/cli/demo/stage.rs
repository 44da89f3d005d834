//! A deck of the demo's own, on a free port of this machine.

use std::net::SocketAddr;
use std::sync::Arc;

use tokio::task::JoinHandle;

use super::super::{Failure, session};
use super::cast::Who;
use crate::client::{Client, Way};
use crate::engine::Engine;
use crate::exchange::Protocol;
use crate::intercept::{self, Access, Authority, Door, Limits, Neighbours, Others, Reverse, Shutdown};
use crate::upstream::{Dialler, Route};

/// A running deck.
pub(super) struct Stage {
    address: SocketAddr,
    root: String,
    shutdown: Shutdown,
    served: JoinHandle<()>,
}

impl Stage {
    /// Opens a deck in front of an engine.
    pub(super) async fn open(engine: Arc<Engine>, authority: Arc<Authority>) -> Result<Self, Failure> {
        let (listener, address) = session::listen(SocketAddr::from(([127, 0, 0, 1], 0)), "--listen").await?;
        let limits = Limits::default();
        let root = authority.cert_pem().to_owned();
        let door = Door::new(intercept::Options {
            engine: Some(engine),
            authority,
            access: Access::default(),
            about: "telling the story of the demo".to_owned(),
            listeners: vec![address],
            reverse: Some(Reverse::default()),
            neighbours: Neighbours::default(),
            others: Others::Refuse,
            dialler: Dialler::new(Route::default(), limits.connect),
            limits,
        });
        let shutdown = Shutdown::default();
        let served = tokio::spawn(intercept::serve(listener, door, shutdown.clone()));
        Ok(Self { address, root, shutdown, served })
    }

    /// A game client: through the proxy, TLS inside, trusting nothing but the demo's authority.
    pub(super) async fn client(&self, who: Who) -> Result<Client, Failure> {
        let protocol = if who == Who::Host { Protocol::H2 } else { Protocol::H1 };
        let way = Way::Connect(self.root.clone());
        let connected = Client::connect(self.address, "sessiondirectory.xboxlive.com", way, protocol).await;
        connected.map_err(|error| Failure::runtime(format!("the demo's own client cannot connect: {error}")))
    }

    /// Stops the deck and waits for what it still does.
    pub(super) async fn close(self, engine: &Engine) {
        self.shutdown.drain.cancel();
        let _ = self.served.await;
        engine.settle().await;
    }
}
