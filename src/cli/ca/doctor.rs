//! `tapdeck ca doctor`: does this machine get through? Told by real handshakes, and by a look into each store.

mod handshake;
mod stores;

use std::net::SocketAddr;
use std::str::FromStr;
use std::sync::Arc;
use std::time::SystemTime;

use tokio::net::TcpStream;

use super::{Failure, Home, day, there};
use crate::cli::{Code, print};
use crate::intercept::{Authority, Neighbours, Pattern, TlsFault};
use crate::mpsd::Service;
use handshake::{Examiner, Outcome, Way};

#[derive(Debug, clap::Args)]
pub(in crate::cli) struct Options {
    #[command(flatten)]
    home: Home,
    /// Hosts to try; those of the contract and of --intercept, when there are none
    #[arg(value_name = "HOST")]
    hosts: Vec<String>,
    /// A running deck to go through by CONNECT; `off` tries without one [default: http://127.0.0.1:8888 if something
    /// listens there]
    #[arg(long, value_name = "URL|off")]
    proxy: Option<ProxyArg>,
    /// A running deck to reach by TLS straight in, as clients do whose DNS leads there
    #[arg(long, value_name = "ADDR", conflicts_with = "proxy")]
    tls: Option<SocketAddr>,
    /// A host the deck is told to look into as well (repeatable): one that is named in full is tried
    #[arg(long, env = "TAPDECK_INTERCEPT", value_name = "HOST", value_delimiter = ',')]
    intercept: Vec<Pattern>,
}

impl Options {
    /// The hosts to try.
    fn hosts(&self) -> Vec<String> {
        if !self.hosts.is_empty() {
            return self.hosts.clone();
        }
        let mut hosts = usual_hosts();
        for named in self.intercept.iter().filter(|pattern| pattern.is_host()) {
            if !hosts.iter().any(|host| host == named.name()) {
                hosts.push(named.name().to_owned());
            }
        }
        hosts
    }
}

#[derive(Clone, Copy, Debug)]
enum ProxyArg {
    Off,
    At(SocketAddr),
}

impl FromStr for ProxyArg {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        if text == "off" {
            return Ok(Self::Off);
        }
        let address = text.strip_prefix("http://").unwrap_or(text).trim_end_matches('/');
        let address = address.parse().map_err(|_| "write http://ADDRESS:PORT, or `off`")?;
        Ok(Self::At(address))
    }
}

pub(super) async fn run(options: &Options) -> Result<Code, Failure> {
    let authority = Arc::new(there(&options.home)?);
    let way = way(options).await;
    let examiner = Examiner::new(Arc::clone(&authority), way).await?;
    let mut report = format!("{}\n\n", examiner.told());
    let (hosts, named) = (options.hosts(), options.intercept.iter().cloned().collect::<Neighbours>());
    let width = hosts.iter().map(String::len).max().unwrap_or_default();
    let mut worst = None;
    for host in &hosts {
        let outcome = examiner.try_host(host).await;
        report.push_str(&format!("{host:width$}  {}\n", outcome.told()));
        let is_looked_into = Service::of_host(host).is_some() || named.covers(host);
        worst = worst.or_else(|| outcome.advice(host, is_looked_into, &authority));
    }
    report.push('\n');
    let stores = stores::look(&authority);
    for store in &stores {
        report.push_str(&format!("{store}\n"));
    }
    let verdict = expired(&authority).or(worst).or_else(|| stores.iter().find_map(stores::Store::advice));
    let (said, code) = match verdict {
        Some(next) => (format!("it does not work. Next: {next}"), Code::Findings),
        None => (WELL.to_owned(), Code::Clean),
    };
    print(&format!("{report}\n{said}\n"))?;
    Ok(code)
}

/// Through the deck that was named, the one that runs at the usual place, or none.
async fn way(options: &Options) -> Way {
    match (options.tls, options.proxy) {
        (Some(address), _) => Way::Straight(address),
        (None, Some(ProxyArg::At(address))) => Way::Proxy(address),
        (None, Some(ProxyArg::Off)) => Way::Own,
        (None, None) if TcpStream::connect(USUAL).await.is_ok() => Way::Proxy(USUAL),
        (None, None) => Way::Own,
    }
}

/// The advice that comes before all others.
fn expired(authority: &Authority) -> Option<String> {
    let facts = authority.facts();
    let until = day(facts.until);
    (SystemTime::now() > facts.until).then(|| {
        format!(
            "the authority expired on {until}; `tapdeck ca create --replace` makes another, which clients must trust"
        )
    })
}

impl Outcome {
    fn told(&self) -> String {
        match self {
            Self::Well => "ok".to_owned(),
            Self::Passed => "passes through unread: it shows a certificate of its own".to_owned(),
            Self::Foreign(why) => format!("passes through unread, and its own certificate is rejected: {why}"),
            Self::Stranger(fingerprint) => format!("another authority: the deck's is {fingerprint}"),
            Self::Unreachable(why) => format!("unreachable: {why}"),
            Self::Refused(status) => format!("refused: the deck answers CONNECT with {status}"),
            Self::Faulty(fault, why) => format!("{}: {why}", fault.as_str()),
        }
    }

    /// What to do about it; nothing where all is well. No deck passes on what it is to look into.
    fn advice(&self, host: &str, is_looked_into: bool, authority: &Authority) -> Option<String> {
        match self {
            Self::Well => None,
            Self::Passed if !is_looked_into => None,
            Self::Passed | Self::Foreign(_) => Some(format!(
                "see what listens there: it is no deck, or one that does not look into {host}; `--proxy \
                 http://ADDR:PORT` names another"
            )),
            Self::Stranger(_) => {
                Some("start the deck and this check with the same TAPDECK_HOME, or `--home DIR`".to_owned())
            }
            Self::Unreachable(_) => {
                Some("start the deck, or say where it listens: `--proxy http://ADDR:PORT`".to_owned())
            }
            Self::Refused(403) => Some(format!("see whether the deck refuses other hosts: is {host} one of its own?")),
            Self::Refused(_) => Some("see whether a deck listens there; another program may".to_owned()),
            Self::Faulty(TlsFault::Constraint, _) => {
                Some(format!("`{}`; clients must trust the new one", authority.widened(&[host])))
            }
            Self::Faulty(fault, _) => Some(fault.advice(Some(host), authority.path())),
        }
    }
}

fn usual_hosts() -> Vec<String> {
    let services = [Service::Mpsd, Service::Rta, Service::SmartMatch, Service::MultiplayerActivity];
    services.into_iter().flat_map(Service::hosts).map(|&host| host.to_owned()).collect()
}

/// Where a deck listens unless it is told otherwise.
const USUAL: SocketAddr = SocketAddr::new(std::net::IpAddr::V4(std::net::Ipv4Addr::LOCALHOST), 8888);

const WELL: &str =
    "all is well here. A client that is rejected all the same has roots of its own (docs/trust.md), or pins.";

pub(super) const EXAMPLES: &str = "\
Examples:
  tapdeck ca doctor                                   the contract's hosts, through the deck that runs, if one does
  tapdeck ca doctor --intercept social.xboxlive.com   and one more that the deck looks into
  tapdeck ca doctor --proxy off                       only whether this machine trusts the authority
  tapdeck ca doctor --proxy http://127.0.0.1:9000 api.example.com

Exit codes: 0 all is well; 1 something is not, and what to do next";
