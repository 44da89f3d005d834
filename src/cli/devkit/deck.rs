//! Where a kit finds the deck.

use std::io::ErrorKind;
use std::net::{IpAddr, SocketAddr, TcpListener};
use std::path::{Path, PathBuf};

use serde_json::Value;

use super::fault;
use crate::cli::Failure;
use crate::cli::options::ListenArg;
use crate::devkit::{Address, ProxyAt, our_address};

/// The deck a kit is to use.
#[derive(Debug, clap::Args)]
#[command(next_help_heading = "Deck")]
pub(super) struct Deck {
    /// The proxy as the kit reaches it [default: our address in the kit's network, and the deck's port]
    #[arg(long, value_name = "HOST:PORT")]
    proxy: Option<ProxyAt>,
    /// The --ready-file of a running deck: its port is taken
    #[arg(long, value_name = "FILE")]
    deck: Option<PathBuf>,
    /// Where the deck listens, as it is told itself: its port is taken
    #[arg(
        long,
        env = "TAPDECK_LISTEN",
        default_value = "127.0.0.1:8888",
        value_name = "[NAME=]ADDR",
        value_delimiter = ','
    )]
    listen: Vec<ListenArg>,
}

impl Deck {
    /// The proxy the kit at an address is to use.
    pub(super) async fn proxy(&self, kit: &Address) -> Result<ProxyAt, Failure> {
        if let Some(proxy) = &self.proxy {
            return Ok(proxy.clone());
        }
        let listening = match &self.deck {
            Some(file) => vec![address_in(file)?],
            None => self.listen.iter().map(|listen| listen.address).collect(),
        };
        let open = listening.iter().find(|address| !address.ip().is_loopback()).or_else(|| listening.first());
        let Some(open) = open.filter(|address| address.port() != 0) else {
            return Err(Failure::usage("the deck's port is not known beforehand").hint("give --proxy HOST:PORT"));
        };
        let ip = match open.ip() {
            ip if ip.is_loopback() || ip.is_unspecified() => ours(kit).await?,
            ip => ip,
        };
        Ok(ProxyAt { host: ip.to_string(), port: open.port() })
    }
}

/// What a deck at that address lacks for a kit to reach it, as far as this machine can tell.
pub(super) fn lack(proxy: &ProxyAt, kit: IpAddr) -> Option<String> {
    let ip = proxy.ip()?;
    // Who can listen there proves that nobody does.
    let listening = TcpListener::bind(SocketAddr::new(ip, proxy.port));
    lack_by(proxy, ip, kit, listening.map(drop).map_err(|error| error.kind()))
}

fn lack_by(proxy: &ProxyAt, ip: IpAddr, kit: IpAddr, listening: Result<(), ErrorKind>) -> Option<String> {
    let allow = format!("--allow {kit}/{}", if kit.is_ipv4() { 32 } else { 128 });
    match listening {
        _ if ip.is_loopback() => Some(format!("warning: {proxy} is this machine to itself alone: no kit reaches it")),
        Ok(()) => Some(format!(
            "nobody listens at {proxy} yet: start the deck with `--listen {proxy} {allow}`, before the kit restarts"
        )),
        Err(ErrorKind::AddrInUse) => {
            Some(format!("a program listens at {proxy}: if that is the deck, it needs `{allow}`"))
        }
        Err(ErrorKind::AddrNotAvailable) => {
            Some(format!("{proxy} is no address of this machine: the deck and the firewall rule go there"))
        }
        Err(_) => None,
    }
}

/// Our address in the kit's network.
async fn ours(kit: &Address) -> Result<IpAddr, Failure> {
    let found = kit.resolve().await.map_err(|error| fault::failure(kit, None, &error))?;
    let hint = "give --proxy HOST:PORT: the deck's address as the kit reaches it";
    match found.iter().find_map(|at| our_address(*at).ok()) {
        None => Err(Failure::runtime(format!("no way leads from here to {kit}")).hint(hint)),
        Some(ip) if ip.is_loopback() => {
            Err(Failure::usage(format!("{kit} is this machine, whose own address no kit reaches")).hint(hint))
        }
        Some(ip) => Ok(ip),
    }
}

/// The address of a deck that has told where it is.
fn address_in(file: &Path) -> Result<SocketAddr, Failure> {
    let unusable = |why: &dyn std::fmt::Display| {
        Failure::usage(format!("--deck: {}: {why}", file.display()))
            .hint("a running deck writes it: `tapdeck record --ready-file FILE …`")
    };
    let text = std::fs::read(file).map_err(|error| unusable(&error))?;
    let ready: Value = serde_json::from_slice(&text).map_err(|error| unusable(&error))?;
    let proxy = ready.get("proxy").and_then(Value::as_str).and_then(|url| url.strip_prefix("http://"));
    let address = proxy.and_then(|address| address.trim_end_matches('/').parse().ok());
    address.ok_or_else(|| unusable(&"it names no proxy"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_deck_lacks_is_told_with_the_flags() {
        let told = |proxy: &str, kit: &str, listening| {
            let proxy: ProxyAt = proxy.parse().unwrap();
            lack_by(&proxy, proxy.ip().unwrap(), kit.parse().unwrap(), listening)
        };
        let none = told("10.0.0.2:8888", "10.0.0.5", Ok(())).unwrap();
        assert!(none.contains("`--listen 10.0.0.2:8888 --allow 10.0.0.5/32`"), "{none}");
        let some = told("[fd00::2]:8888", "fd00::5", Err(ErrorKind::AddrInUse)).unwrap();
        assert!(
            some.contains("a program listens at [fd00::2]:8888") && some.contains("`--allow fd00::5/128`"),
            "{some}"
        );
        let other = told("10.0.0.2:8888", "10.0.0.5", Err(ErrorKind::AddrNotAvailable)).unwrap();
        assert!(other.contains("no address of this machine"), "{other}");
        let loopback = told("127.0.0.1:8888", "10.0.0.5", Ok(())).unwrap();
        assert!(loopback.starts_with("warning: "), "{loopback}");
        assert_eq!(told("10.0.0.2:80", "10.0.0.5", Err(ErrorKind::PermissionDenied)), None);
        assert_eq!(lack(&"pc.studio.example:8888".parse().unwrap(), "10.0.0.5".parse().unwrap()), None);
    }
}
