//! The control port of a deck.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::str::FromStr;
use std::sync::Arc;
use std::time::Duration;

use tokio::net::TcpListener;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use super::options::Ways;
use super::session::Ended;
use super::{Failure, say, session};
use crate::admin::{self, Panel, Sessions};
use crate::intercept::{Door, Secret};

/// Where a test harness opens replay sessions, moves the emulator's clock, and asks what happened.
#[derive(Clone, Copy, Debug, clap::Args)]
#[command(next_help_heading = "Control")]
pub(super) struct Control {
    /// Address of the control port, or `off`; port 0 picks a free one. One that others reach wants a token
    #[arg(long, env = "TAPDECK_ADMIN", default_value_t = AdminArg::At(USUAL), value_name = "ADDR|off")]
    admin: AdminArg,
    /// What whoever asks the control port must send, as `Authorization: Bearer TOKEN`. Better set in the environment,
    /// where no list of processes shows it
    #[arg(long, env = "TAPDECK_ADMIN_TOKEN", hide_env_values = true, value_name = "TOKEN")]
    admin_token: Option<Secret>,
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
        text.parse().map(Self::At).map_err(|_| "write an address and a port, or `off`".into())
    }
}

impl Control {
    /// Opens the port beside those that clients come to, unless it is to be off.
    pub(super) async fn open(self, ways: &Ways) -> Result<Option<Port>, Failure> {
        let AdminArg::At(address) = self.admin else { return Ok(None) };
        self.open_at(address, ways).await.map(Some)
    }

    /// Opens the port where nothing hangs on it: the usual one may be another deck's.
    pub(super) async fn open_if_free(self, ways: &Ways) -> Result<Option<Port>, Failure> {
        match self.admin {
            AdminArg::At(address) if address == USUAL => match self.open_at(address, ways).await {
                Ok(port) => Ok(Some(port)),
                Err(failure) => {
                    say(&format!("no control port: {failure}"));
                    Ok(None)
                }
            },
            _ => self.open(ways).await,
        }
    }

    async fn open_at(self, address: SocketAddr, ways: &Ways) -> Result<Port, Failure> {
        let token = self.admin_token;
        if token.is_none() && !address.ip().is_loopback() {
            let hint = "give it a token, by TAPDECK_ADMIN_TOKEN or --admin-token, or an address like 127.0.0.1:8889";
            return Err(Failure::usage(format!("--admin {address}: other machines reach that address")).hint(hint));
        }
        if let Some(taken) = ways.listen.iter().map(|listen| listen.address).find(|taken| overlap(*taken, address)) {
            let hint = "give clients another port, or the control port: `--admin 127.0.0.1:0` picks a free one, \
                        `--admin off` does without";
            return Err(Failure::usage(format!(
                "--listen {taken}: tapdeck's own control port is there, by --admin {address}"
            ))
            .hint(hint));
        }
        let (listener, address) = session::listen(address, "--admin").await?;
        Ok(Port { listener, address, token })
    }
}

/// True for addresses that cannot both be listened on.
fn overlap(one: SocketAddr, other: SocketAddr) -> bool {
    let is_whole = one.ip().is_unspecified() || other.ip().is_unspecified();
    one.port() == other.port() && one.port() != 0 && (one.ip() == other.ip() || is_whole)
}

/// An open port nobody answers on yet.
pub(super) struct Port {
    listener: TcpListener,
    address: SocketAddr,
    token: Option<Secret>,
}

impl Port {
    /// Where it is.
    pub(super) fn address(&self) -> SocketAddr {
        self.address
    }

    /// Answers on it from now on.
    pub(super) fn serve(self, door: Arc<Door>, sessions: Option<Sessions>) -> Served {
        let (stop, panel) = (CancellationToken::new(), Arc::new(Panel { door, sessions, token: self.token }));
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_port_is_taken_by_its_address_and_by_all_addresses() {
        let overlap = |one: &str, other: &str| overlap(one.parse().unwrap(), other.parse().unwrap());
        assert!(overlap("127.0.0.1:8889", "127.0.0.1:8889") && overlap("0.0.0.0:8889", "127.0.0.1:8889"));
        assert!(!overlap("127.0.0.2:8889", "127.0.0.1:8889") && !overlap("127.0.0.1:8888", "127.0.0.1:8889"));
        assert!(!overlap("127.0.0.1:0", "127.0.0.1:0"), "each is given a free one");
    }
}
