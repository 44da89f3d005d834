//! The control port of a deck.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::str::FromStr;
use std::sync::Arc;
use std::time::Duration;

use tokio::net::TcpListener;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use super::session::Ended;
use super::{Failure, say, session};
use crate::admin::{self, Panel};

/// Where a test harness opens replay sessions, moves the emulator's clock, and asks what happened.
#[derive(Clone, Copy, Debug, clap::Args)]
#[command(next_help_heading = "Control")]
pub(super) struct Control {
    /// Address of the control port, or `off`; port 0 picks a free one
    #[arg(long, env = "TAPDECK_ADMIN", default_value_t = AdminArg::At(USUAL), value_name = "ADDR|off")]
    admin: AdminArg,
}

#[derive(Clone, Copy, Debug)]
enum AdminArg {
    Off,
    At(SocketAddr),
}

impl fmt::Display for AdminArg {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Off => f.write_str("off"),
            Self::At(address) => address.fmt(f),
        }
    }
}

impl FromStr for AdminArg {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        if text == "off" {
            return Ok(Self::Off);
        }
        let address: SocketAddr = text.parse().map_err(|_| "write an address and a port, or `off`")?;
        if address.ip().is_loopback() { Ok(Self::At(address)) } else { Err("the control port is loopback only".into()) }
    }
}

impl Control {
    /// Opens the port, unless it is to be off.
    pub(super) async fn open(self) -> Result<Option<Port>, Failure> {
        let AdminArg::At(address) = self.admin else { return Ok(None) };
        Self::open_at(address).await.map(Some)
    }

    /// Opens the port where nothing hangs on it: the usual one may be another deck's.
    pub(super) async fn open_if_free(self) -> Result<Option<Port>, Failure> {
        match self.admin {
            AdminArg::At(address) if address == USUAL => match Self::open_at(address).await {
                Ok(port) => Ok(Some(port)),
                Err(failure) => {
                    say(&format!("no control port: {failure}"));
                    Ok(None)
                }
            },
            _ => self.open().await,
        }
    }

    async fn open_at(address: SocketAddr) -> Result<Port, Failure> {
        let (listener, address) = session::listen(address, "--admin").await?;
        Ok(Port { listener, address })
    }
}

/// An open port nobody answers on yet.
pub(super) struct Port {
    listener: TcpListener,
    address: SocketAddr,
}

impl Port {
    /// Where it is.
    pub(super) fn address(&self) -> SocketAddr {
        self.address
    }

    /// Answers on it from now on.
    pub(super) fn serve(self, panel: Panel) -> Served {
        let (stop, panel) = (CancellationToken::new(), Arc::new(panel));
        let serving = tokio::spawn(admin::serve(self.listener, Arc::clone(&panel), stop.clone()));
        Served { stop, serving, panel }
    }
}

/// A port that is answered on.
pub(super) struct Served {
    stop: CancellationToken,
    serving: JoinHandle<()>,
    panel: Arc<Panel>,
}

impl Served {
    /// Ends it, and the sessions it opened. A harness that keeps its connection open does not keep us.
    pub(super) async fn close(self, ended: Ended) {
        self.stop.cancel();
        let _ = tokio::time::timeout(CLOSING, self.serving).await;
        if let Some(sessions) = self.panel.sessions.as_ref().filter(|_| ended != Ended::Aborted) {
            sessions.end_all().await;
        }
    }
}

/// Where it is unless somebody says otherwise.
const USUAL: SocketAddr = SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), 8889);
const CLOSING: Duration = Duration::from_secs(2);
