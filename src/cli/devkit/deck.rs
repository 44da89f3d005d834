//! Where a kit finds the deck.

use std::io::ErrorKind;
use std::net::{IpAddr, SocketAddr, UdpSocket};
use std::path::{Path, PathBuf};
use std::time::Duration;

use serde_json::Value;
use tokio::net::TcpStream;
use tokio::time::timeout;

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
pub(super) async fn lack(proxy: &ProxyAt, kit: IpAddr) -> Option<String> {
    let ip = proxy.ip()?;
    lack_by(proxy, ip, kit, look(SocketAddr::new(ip, proxy.port)).await)
}

/// What is at an address.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Found {
    Listener,
    Nobody,
    /// It is no address of this machine.
    Elsewhere,
    Unknown,
}

/// Looks by a call: on Windows who can listen there as well does not prove that nobody does.
async fn look(at: SocketAddr) -> Found {
    if UdpSocket::bind((at.ip(), 0)).is_err_and(|error| error.kind() == ErrorKind::AddrNotAvailable) {
        return Found::Elsewhere;
    }
    match timeout(PATIENCE, TcpStream::connect(at)).await {
        Ok(Ok(_)) => Found::Listener,
        Ok(Err(error)) if error.kind() == ErrorKind::ConnectionRefused => Found::Nobody,
        Ok(Err(_)) | Err(_) => Found::Unknown,
    }
}

fn lack_by(proxy: &ProxyAt, ip: IpAddr, kit: IpAddr, found: Found) -> Option<String> {
    let allow = format!("--allow {kit}/{}", if kit.is_ipv4() { 32 } else { 128 });
    match found {
        _ if ip.is_loopback() => Some(format!("warning: {proxy} is this machine to itself alone: no kit reaches it")),
        Found::Nobody => Some(format!(
            "nobody listens at {proxy} yet: start the deck with `--listen {proxy} {allow}`, before the kit restarts"
        )),
        Found::Listener => Some(format!("a program listens at {proxy}: if that is the deck, it needs `{allow}`")),
        Found::Elsewhere => {
            Some(format!("{proxy} is no address of this machine: the deck and the firewall rule go there"))
        }
        Found::Unknown => None,
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

/// Windows takes two seconds to say that nobody listens.
const PATIENCE: Duration = Duration::from_secs(3);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_deck_lacks_is_told_with_the_flags() {
        let told = |proxy: &str, kit: &str, found| {
            let proxy: ProxyAt = proxy.parse().unwrap();
            lack_by(&proxy, proxy.ip().unwrap(), kit.parse().unwrap(), found)
        };
        let none = told("10.0.0.2:8888", "10.0.0.5", Found::Nobody).unwrap();
        assert!(none.contains("`--listen 10.0.0.2:8888 --allow 10.0.0.5/32`"), "{none}");
        let some = told("[fd00::2]:8888", "fd00::5", Found::Listener).unwrap();
        assert!(
            some.contains("a program listens at [fd00::2]:8888") && some.contains("`--allow fd00::5/128`"),
            "{some}"
        );
        let other = told("10.0.0.2:8888", "10.0.0.5", Found::Elsewhere).unwrap();
        assert!(other.contains("no address of this machine"), "{other}");
        let loopback = told("127.0.0.1:8888", "10.0.0.5", Found::Nobody).unwrap();
        assert!(loopback.starts_with("warning: "), "{loopback}");
        assert_eq!(told("10.0.0.2:80", "10.0.0.5", Found::Unknown), None);
    }

    #[tokio::test]
    async fn who_listens_is_found_without_listening() {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let at = listener.local_addr().unwrap();
        assert_eq!(look(at).await, Found::Listener);
        assert!(listener.accept().is_ok(), "it was not called");
        drop(listener);
        assert_eq!(look(at).await, Found::Nobody);
        // An address of the documentation, which no machine has.
        assert_eq!(look("192.0.2.10:8888".parse().unwrap()).await, Found::Elsewhere);
        assert_eq!(lack(&"pc.studio.example:8888".parse().unwrap(), "10.0.0.5".parse().unwrap()).await, None);
    }
}
