//! Where clients come in, and who they are there.

use std::collections::BTreeMap;
use std::net::{IpAddr, SocketAddr};
use std::path::PathBuf;
use std::str::FromStr;

use super::{HostOptions, lan, writable};
use crate::cli::{Failure, Home};
use crate::exchange::LaneName;
use crate::intercept::{Access, Network, Secret};

/// Where the deck listens, and for whom.
#[derive(Debug, clap::Args)]
#[command(next_help_heading = "Ways in")]
pub(in crate::cli) struct Ways {
    /// Address to listen on (repeatable); port 0 picks a free one. With a name, whoever comes there is that player
    #[arg(
        long,
        env = "TAPDECK_LISTEN",
        default_value = "127.0.0.1:8888",
        value_name = "[NAME=]ADDR",
        value_delimiter = ','
    )]
    pub(in crate::cli) listen: Vec<ListenArg>,
    /// Which player the client at an address is (repeatable): `10.0.0.31=host`. A listener's name beats it, and a proxy
    /// user (`http://guest@127.0.0.1:8888`) beats both
    #[arg(long = "name", env = "TAPDECK_NAME", value_name = "ADDR=NAME", value_delimiter = ',')]
    names: Vec<NameArg>,
    /// Let clients of this network in, or of this one address (repeatable). This machine always may; with an address
    /// to listen on that others reach, say here who they are
    #[arg(long, env = "TAPDECK_ALLOW", value_name = "CIDR", value_delimiter = ',')]
    allow: Vec<Network>,
    /// Let everybody else in who sends this password as a proxy's: `http://NAME:PASSWORD@HOST:PORT`, with a player's
    /// name or none. Better set in the environment, where no list of processes shows it
    #[arg(long, env = "TAPDECK_PROXY_PASSWORD", hide_env_values = true, value_name = "PASSWORD")]
    proxy_password: Option<Secret>,
    /// Write addresses as one line of JSON to this file once clients can come; `-` is standard output
    #[arg(long, env = "TAPDECK_READY_FILE", value_name = "FILE", value_parser = writable)]
    pub(in crate::cli) ready_file: Option<PathBuf>,
    #[command(flatten)]
    pub(in crate::cli) hosts: HostOptions,
    #[command(flatten)]
    pub(in crate::cli) home: Home,
}

impl Ways {
    /// Who may come in.
    pub(in crate::cli) fn access(&self) -> Access {
        Access { networks: self.allow.clone(), password: self.proxy_password }
    }

    /// Where others can reach us, somebody must have said which of them may.
    pub(in crate::cli) fn check(&self) -> Result<(), Failure> {
        if !self.allow.is_empty() || self.proxy_password.is_some() {
            return Ok(());
        }
        match self.listen.iter().find(|listen| !listen.address.ip().is_loopback()) {
            None => Ok(()),
            Some(ListenArg { address, .. }) => {
                let network = lan::around(address.ip());
                Err(Failure::usage(format!("--listen {address}: other machines reach that address"))
                    .hint(format!("say who may come in: `--allow {network}`, or a password by --proxy-password")))
            }
        }
    }

    /// The players that clients are by their addresses.
    pub(in crate::cli) fn clients(&self) -> Result<BTreeMap<IpAddr, LaneName>, Failure> {
        let mut clients = BTreeMap::new();
        for NameArg(address, name) in &self.names {
            match clients.insert(*address, name.clone()) {
                Some(other) if other != *name => {
                    return Err(Failure::usage(format!("--name: {address} cannot be both {other} and {name}"))
                        .hint("give each of them a listener of its own: --listen NAME=ADDR"));
                }
                _ => {}
            }
        }
        Ok(clients)
    }

    /// Every name that is given here.
    pub(in crate::cli) fn given(&self) -> impl Iterator<Item = &LaneName> {
        let listening = self.listen.iter().filter_map(|listen| listen.name.as_ref());
        listening.chain(self.names.iter().map(|NameArg(_, name)| name))
    }

    /// Names that tapdeck gives itself would be given to somebody else, where there is no cassette that has them.
    pub(in crate::cli) fn name_anew(&self) -> Result<(), Failure> {
        match self.given().find(|name| name.is_generated()) {
            None => Ok(()),
            Some(name) => Err(Failure::usage(format!("{name} is what tapdeck calls a lane without a name"))
                .hint("names like `host` and `guest` tell more")),
        }
    }
}

/// An address to listen on, and the player that everybody is who comes there.
#[derive(Clone, Debug)]
pub(in crate::cli) struct ListenArg {
    pub(in crate::cli) address: SocketAddr,
    pub(in crate::cli) name: Option<LaneName>,
}

impl FromStr for ListenArg {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let (name, address) = match text.split_once('=') {
            Some((name, address)) => (Some(name.parse()?), address),
            None => (None, text),
        };
        let address =
            address.parse().map_err(|_| "write an address and a port, like 127.0.0.1:8888, or NAME=ADDRESS")?;
        Ok(Self { address, name })
    }
}

/// A client's address and the player it is.
#[derive(Clone, Debug)]
struct NameArg(IpAddr, LaneName);

impl FromStr for NameArg {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let (address, name) = text.split_once('=').ok_or("write ADDRESS=NAME, like 10.0.0.31=host")?;
        let address: IpAddr = address.parse().map_err(|_| "write an address without a port, then =NAME")?;
        Ok(Self(address.to_canonical(), name.parse()?))
    }
}
