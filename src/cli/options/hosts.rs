//! Whose traffic is looked into, and what happens to everybody else's.

use std::net::{IpAddr, SocketAddr};
use std::str::FromStr;

use super::service::WebUri;
use crate::cli::{Failure, say};
use crate::intercept::{Neighbours, Others, Pattern};
use crate::mpsd::host::{asks_for_certificate, is_sign_in};
use crate::upstream::Route;

/// Whose traffic is looked into, and what happens to everybody else's. docs/hosts.md has it by host.
#[derive(Debug, clap::Args)]
#[command(next_help_heading = "Hosts")]
pub(in crate::cli) struct HostOptions {
    /// A host to look into besides MPSD's (repeatable): `social.xboxlive.com`, `*.example.com`. It is recorded and
    /// replayed as it stands, and held to no contract. Sign-in must be named host by host
    #[arg(long, env = "TAPDECK_INTERCEPT", value_name = "HOST", value_delimiter = ',')]
    intercept: Vec<Pattern>,
    /// What to do with all other hosts
    #[arg(long, env = "TAPDECK_OTHERS", default_value = "tunnel")]
    others: OthersArg,
    /// Make no connection at all: other hosts are refused, and what answers is a cassette or the emulator
    #[arg(long, env = "TAPDECK_OFFLINE")]
    offline: bool,
    /// Use this address for a host, whatever its name resolves to (repeatable; port 443 unless given)
    #[arg(long, env = "TAPDECK_RESOLVE", value_name = "HOST=ADDR", value_delimiter = ',')]
    resolve: Vec<Resolve>,
    /// Reach all hosts through this HTTP proxy
    #[arg(long, env = "TAPDECK_UPSTREAM_PROXY", hide_env_values = true, value_name = "URL")]
    upstream_proxy: Option<WebUri>,
}

/// A host and where it is.
#[derive(Clone, Debug)]
struct Resolve(String, SocketAddr);

impl FromStr for Resolve {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let (host, address) = text.split_once('=').ok_or("write HOST=ADDRESS or HOST=ADDRESS:PORT")?;
        let with_port = address.parse::<SocketAddr>();
        let address = with_port.or_else(|_| address.parse::<IpAddr>().map(|ip| SocketAddr::new(ip, 443)));
        address.map(|address| Self(host.to_owned(), address)).map_err(|error| error.to_string())
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
enum OthersArg {
    /// Pass them through untouched
    Tunnel,
    /// Refuse them
    Refuse,
}

impl HostOptions {
    /// What to do with other hosts.
    pub(in crate::cli) fn others(&self) -> Others {
        match self.others {
            OthersArg::Tunnel if !self.offline => Others::Tunnel,
            _ => Others::Refuse,
        }
    }

    /// Which way connections leave the machine; `own` are the listeners, which must not be dialled.
    pub(in crate::cli) fn route(&self, own: Vec<SocketAddr>) -> Route {
        let resolve = self.resolve.iter().map(|Resolve(host, address)| (host.clone(), *address)).collect();
        Route { resolve, proxy: self.upstream_proxy.clone().map(|WebUri(uri)| uri), own }
    }

    /// The hosts that were named. Says so when sign-in is among them.
    pub(in crate::cli) fn neighbours(&self) -> Neighbours {
        for pattern in self.intercept.iter().filter(|pattern| pattern.is_host() && is_sign_in(pattern.name())) {
            say(&format!(
                "warning: {} is looked into: people sign in there. Nothing that is said there is kept, but it passes \
                 through tapdeck in the clear",
                pattern.name()
            ));
        }
        self.intercept.iter().cloned().collect()
    }

    /// The first that was named of those that ask for a certificate.
    pub(in crate::cli) fn certified(&self) -> Option<&str> {
        self.intercept.iter().map(Pattern::name).find(|name| asks_for_certificate(name))
    }

    /// Refuses a service that can only be reached by a connection, where there must be none.
    pub(in crate::cli) fn need_no_connection(&self) -> Result<(), Failure> {
        if self.offline {
            let hint = "give --upstream emulator, replay a cassette, or leave --offline out";
            return Err(Failure::usage("--offline: the service cannot be reached without a connection").hint(hint));
        }
        Ok(())
    }
}
