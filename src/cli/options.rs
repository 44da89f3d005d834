//! Options that several commands share, and what they turn into.

use std::collections::{BTreeMap, BTreeSet};
use std::net::{IpAddr, SocketAddr};
use std::path::{Path, PathBuf};
use std::str::FromStr;
use std::sync::Arc;

use http::Uri;

use super::Failure;
use super::failure::told;
use crate::clock::{Clock, virtual_start};
use crate::config::{self, ConfigError, Project};
use crate::contract::{Contract, Severity};
use crate::emulator::{Canned, Cast, Emulator, Player, Settings, Templates};
use crate::engine::{Enforce, Source};
use crate::exchange::LaneName;
use crate::intercept::{Limits, Others, Reverse};
use crate::upstream::{self, Dialler, Route, Upstream};

/// Where the deck listens, and what it does with other hosts' traffic.
#[derive(Debug, clap::Args)]
#[command(next_help_heading = "Ways in")]
pub(super) struct Ways {
    /// Address to listen on (repeatable); port 0 picks a free one. With a name, whoever comes there is that player
    #[arg(
        long,
        env = "TAPDECK_LISTEN",
        default_value = "127.0.0.1:8888",
        value_name = "[NAME=]ADDR",
        value_delimiter = ','
    )]
    pub(super) listen: Vec<ListenArg>,
    /// Which player the client at an address is (repeatable): `10.0.0.31=host`. A listener's name beats it, and a proxy
    /// user (`http://guest@127.0.0.1:8888`) beats both
    #[arg(long = "name", env = "TAPDECK_NAME", value_name = "ADDR=NAME", value_delimiter = ',')]
    names: Vec<NameArg>,
    /// What to do with hosts that are not MPSD's
    #[arg(long, env = "TAPDECK_OTHERS", default_value = "tunnel")]
    others: OthersArg,
    /// Write addresses as one line of JSON to this file once clients can come; `-` is standard output
    #[arg(long, env = "TAPDECK_READY_FILE", value_name = "FILE", value_parser = writable)]
    pub(super) ready_file: Option<PathBuf>,
    #[command(flatten)]
    pub(super) home: super::Home,
}

#[derive(Clone, Copy, Debug, clap::ValueEnum)]
enum OthersArg {
    /// Pass them through untouched
    Tunnel,
    /// Refuse them
    Refuse,
}

impl Ways {
    /// What to do with other hosts.
    pub(super) fn others(&self) -> Others {
        match self.others {
            OthersArg::Tunnel => Others::Tunnel,
            OthersArg::Refuse => Others::Refuse,
        }
    }

    /// Loopback only: there is no access control yet.
    pub(super) fn check(&self) -> Result<(), Failure> {
        match self.listen.iter().find(|listen| !listen.address.ip().is_loopback()) {
            None => Ok(()),
            Some(ListenArg { address, .. }) => {
                Err(Failure::usage(format!("{address} is not a loopback address")).hint("listen on 127.0.0.1 or [::1]"))
            }
        }
    }

    /// The players that clients are by their addresses.
    pub(super) fn clients(&self) -> Result<BTreeMap<IpAddr, LaneName>, Failure> {
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
    pub(super) fn given(&self) -> impl Iterator<Item = &LaneName> {
        let listening = self.listen.iter().filter_map(|listen| listen.name.as_ref());
        listening.chain(self.names.iter().map(|NameArg(_, name)| name))
    }

    /// Names that tapdeck gives itself would be given to somebody else, where there is no cassette that has them.
    pub(super) fn name_anew(&self) -> Result<(), Failure> {
        match self.given().find(|name| name.is_generated()) {
            None => Ok(()),
            Some(name) => Err(Failure::usage(format!("{name} is what tapdeck calls a lane without a name"))
                .hint("names like `host` and `guest` tell more")),
        }
    }
}

/// An address to listen on, and the player that everybody is who comes there.
#[derive(Clone, Debug)]
pub(super) struct ListenArg {
    pub(super) address: SocketAddr,
    pub(super) name: Option<LaneName>,
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

/// The name of a file to be written: none that recordings have.
pub(super) fn writable(text: &str) -> Result<PathBuf, String> {
    let is_recording = [".cassette.json", ".cassette.jsonl", ".har"].iter().any(|ending| text.ends_with(ending));
    if is_recording { Err("that is a recording's name: it would be written over".into()) } else { Ok(text.into()) }
}

/// Where calls go.
#[derive(Debug, clap::Args)]
#[command(next_help_heading = "Upstream")]
pub(super) struct Service {
    /// `emulator`, or the service's base URL; without it each call goes to the host it names
    #[arg(long, env = "TAPDECK_UPSTREAM", value_name = "URL|emulator")]
    upstream: Option<Target>,
    /// A PEM file of roots to trust besides the platform's
    #[arg(long, env = "TAPDECK_UPSTREAM_CA", value_name = "FILE")]
    upstream_ca: Option<PathBuf>,
    /// Use this address for a host, whatever its name resolves to (repeatable; port 443 unless given)
    #[arg(long, env = "TAPDECK_RESOLVE", value_name = "HOST=ADDR", value_delimiter = ',')]
    resolve: Vec<Resolve>,
    /// Reach the service through this HTTP proxy
    #[arg(long, env = "TAPDECK_UPSTREAM_PROXY", hide_env_values = true, value_name = "URL")]
    upstream_proxy: Option<WebUri>,
    #[command(flatten)]
    emulator: EmulatorOptions,
}

/// What the emulator is made of.
#[derive(Clone, Debug, clap::Args)]
#[command(next_help_heading = EMULATOR)]
pub(super) struct EmulatorOptions {
    /// The seed of every value the emulator makes
    #[arg(long, env = "TAPDECK_SEED", default_value_t = 1, value_name = "N")]
    seed: u64,
    /// The emulator's clock: virtual stands still unless moved, so that equal runs give equal bytes
    #[arg(long, env = "TAPDECK_CLOCK", default_value = "virtual")]
    clock: ClockArg,
    /// Session templates beside the built-in ones: a JSON file
    #[arg(long, env = "TAPDECK_TEMPLATES", value_name = "FILE")]
    templates: Option<PathBuf>,
    /// Who is who, and who follows whom: a TOML file
    #[arg(long, env = "TAPDECK_PEOPLE", value_name = "FILE")]
    people: Option<PathBuf>,
    /// Who the bearer of a user hash is (repeatable): `1234:xuid=2814000000000001&gtg=Host&did=console`
    #[arg(long = "user", env = "TAPDECK_USER", value_name = "HASH:PAIRS", value_delimiter = ';')]
    users: Vec<UserArg>,
    /// Answers of other services (presence, social, …) that the emulator gives in their place: a TOML file
    #[arg(long, env = "TAPDECK_NEIGHBOURS", value_name = "FILE")]
    neighbours: Option<PathBuf>,
}

/// A player by user hash.
#[derive(Clone, Debug)]
struct UserArg(String, Player);

impl FromStr for UserArg {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let (hash, pairs) = text.split_once(':').ok_or("write HASH:xuid=…&gtg=…&did=…&tid=…&prv=…&kind=…")?;
        Player::read(pairs).map(|player| Self(hash.to_owned(), player))
    }
}

#[derive(Clone, Copy, Debug, clap::ValueEnum)]
enum ClockArg {
    /// Starts at a fixed moment and stands still
    Virtual,
    /// Follows the wall
    Wall,
}

impl EmulatorOptions {
    /// Everything the emulator is made of, from flags and files.
    pub(super) fn settings(&self, project: &Project) -> Result<Settings, Failure> {
        let clock = match self.clock {
            ClockArg::Virtual => Clock::manual(virtual_start()),
            ClockArg::Wall => Clock::Wall,
        };
        let mut settings = Settings { policies: project.policies.clone(), ..Settings::new(self.seed, clock) };
        if let Some(file) = &self.templates {
            settings.templates = templates(file)?;
        }
        if let Some(file) = &self.people {
            settings.cast = cast(file)?;
        }
        settings.cast.users.extend(self.users.iter().map(|UserArg(hash, player)| (hash.clone(), player.clone())));
        if let Some(file) = &self.neighbours {
            settings.canned = canned(file)?;
        }
        match settings.fault() {
            None => Ok(settings),
            Some(fault) => Err(Failure::usage(format!("emulator.policies: {fault}"))
                .hint("`tapdeck emulate --policies` lists every policy by its name")),
        }
    }
}

/// The contract on the project's own terms.
pub(super) fn contract(project: &Project) -> Result<Arc<Contract>, Failure> {
    let terms = project.terms().map_err(|error| {
        Failure::usage(error.to_string()).hint("a title's schemas are JSON Schemas in files beside tapdeck.toml")
    })?;
    Ok(Arc::new(Contract::with(terms)))
}

fn templates(file: &Path) -> Result<Templates, Failure> {
    let text = config::text_of(file).map_err(|error| unusable(&error))?;
    Templates::read(&text).map_err(|error| Failure::usage(format!("{}: {error}", file.display())))
}

fn cast(file: &Path) -> Result<Cast, Failure> {
    let cast: Cast = config::toml_of(file).map_err(|error| unusable(&error))?;
    match cast.fault() {
        None => Ok(cast),
        Some(fault) => Err(Failure::usage(format!("{}: {fault}", file.display()))),
    }
}

fn canned(file: &Path) -> Result<Canned, Failure> {
    let canned: Canned = config::toml_of(file).map_err(|error| unusable(&error))?;
    match canned.fault() {
        None => Ok(canned),
        Some(fault) => Err(Failure::usage(format!("{}: {fault}", file.display()))),
    }
}

/// A file of settings that cannot be used.
fn unusable(error: &ConfigError) -> Failure {
    Failure::usage(error.to_string())
        .hint("`docs/` of the project has an example of each file; the error says the place")
}

/// What the upstream options come to.
pub(super) struct Reached {
    /// What answers.
    pub(super) source: Source,
    /// How other hosts are reached.
    pub(super) dialler: Dialler,
    /// Where requests to our own address go.
    pub(super) reverse: Option<Reverse>,
    /// Hosts that are answered beside the contract's own.
    pub(super) neighbours: BTreeSet<String>,
    /// The source in words.
    pub(super) name: String,
}

impl Reached {
    /// The embedded emulator.
    pub(super) fn emulating(settings: Settings, dialler: Dialler) -> Self {
        let neighbours = settings.canned.hosts();
        let source = Source::Emulator(Emulator::new(settings));
        let name = "the embedded emulator".into();
        Self { source, dialler, reverse: Some(Reverse::default()), neighbours, name }
    }
}

impl Service {
    /// Builds the source; `own` are the listeners, which must not be dialled.
    pub(super) fn reach(&self, project: &Project, own: Vec<SocketAddr>, limits: Limits) -> Result<Reached, Failure> {
        let dialler = self.dialler(own, limits);
        let Some(target) = &self.upstream else {
            let source = Source::Upstream(self.client(&dialler, None, limits)?);
            let name = "the host each call names".into();
            return Ok(Reached { source, dialler, reverse: None, neighbours: BTreeSet::new(), name });
        };
        match target {
            Target::Emulator => Ok(Reached::emulating(self.emulator.settings(project)?, dialler)),
            Target::Url(WebUri(base)) => {
                let source = Source::Upstream(self.client(&dialler, Some(base.clone()), limits)?);
                let (reverse, name) = (Reverse::of(base), base.to_string());
                Ok(Reached { source, dialler, reverse, neighbours: BTreeSet::new(), name })
            }
        }
    }

    fn dialler(&self, own: Vec<SocketAddr>, limits: Limits) -> Dialler {
        let resolve = self.resolve.iter().map(|Resolve(host, address)| (host.clone(), *address)).collect();
        let proxy = self.upstream_proxy.clone().map(|WebUri(uri)| uri);
        Dialler::new(Route { resolve, proxy, own }, limits.connect)
    }

    fn client(&self, dialler: &Dialler, base: Option<Uri>, limits: Limits) -> Result<Upstream, Failure> {
        let options = upstream::Options { base, extra_roots: self.upstream_ca.clone(), limits };
        Upstream::new(dialler, options).map_err(|error| {
            Failure::usage(format!("no trust for the upstream: {}", told(&error)))
                .hint("--upstream-ca takes a PEM file")
        })
    }
}

#[derive(Clone, Debug)]
enum Target {
    Emulator,
    Url(WebUri),
}

impl FromStr for Target {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        if text == "emulator" { Ok(Self::Emulator) } else { text.parse().map(Self::Url) }
    }
}

/// An `http` or `https` URL with a host.
#[derive(Clone, Debug)]
struct WebUri(Uri);

impl FromStr for WebUri {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let uri: Uri = text.parse().map_err(|error| format!("not a URL: {error}"))?;
        let is_web =
            matches!(uri.scheme_str(), Some("http" | "https")) && uri.host().is_some_and(|host| !host.is_empty());
        if !is_web {
            return Err("a URL starts with http:// or https:// and names a host".into());
        }
        if !matches!(uri.path(), "" | "/") {
            return Err("the service's base URL has no path".into());
        }
        Ok(Self(uri))
    }
}

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

/// Whether requests that break a rule are answered right here.
#[derive(Clone, Copy, Debug, clap::Args)]
#[command(next_help_heading = "Contract")]
pub(super) struct EnforceOption {
    /// Answer requests that break a rule of severity error as MPSD would, with 400 or 406
    #[arg(long, env = "TAPDECK_ENFORCE")]
    enforce: bool,
}

impl From<EnforceOption> for Enforce {
    fn from(option: EnforceOption) -> Self {
        if option.enforce { Self::Reject } else { Self::Report }
    }
}

/// The least severity that makes a run a failure.
#[derive(Clone, Copy, Debug, clap::ValueEnum)]
pub(super) enum FailOnArg {
    Error,
    Warning,
    Info,
    Never,
}

impl FailOnArg {
    /// As severity; without one, no finding is a failure.
    pub(super) fn severity(self) -> Option<Severity> {
        match self {
            Self::Error => Some(Severity::Error),
            Self::Warning => Some(Severity::Warning),
            Self::Info => Some(Severity::Info),
            Self::Never => None,
        }
    }
}

/// The heading of the emulator's flags, and so what `[emulator]` may set.
pub(super) const EMULATOR: &str = "Emulator";

/// A cassette's two files: the journal while recording, the sealed file after.
#[derive(Clone, Debug)]
pub(super) struct CassettePath(PathBuf);

impl CassettePath {
    /// The sealed file.
    pub(super) fn sealed(&self) -> &Path {
        &self.0
    }

    /// The journal.
    pub(super) fn journal(&self) -> PathBuf {
        self.0.with_extension("jsonl")
    }

    /// The cassette a journal belongs to.
    pub(super) fn of_journal(path: &Path) -> Self {
        Self(path.with_extension("json"))
    }
}

impl FromStr for CassettePath {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        if text.ends_with(".cassette.json") {
            return Ok(Self(PathBuf::from(text)));
        }
        Err("a cassette's name ends in `.cassette.json`".into())
    }
}
