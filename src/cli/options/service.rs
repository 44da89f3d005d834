//! Where calls go.

use std::collections::BTreeSet;
use std::net::{IpAddr, SocketAddr};
use std::path::PathBuf;
use std::str::FromStr;

use http::Uri;

use super::EmulatorOptions;
use crate::cli::Failure;
use crate::cli::failure::told;
use crate::config::Project;
use crate::emulator::{Emulator, Settings};
use crate::engine::Source;
use crate::intercept::{Limits, Reverse};
use crate::upstream::{self, Dialler, Route, Upstream};

/// Where calls go.
#[derive(Debug, clap::Args)]
#[command(next_help_heading = "Upstream")]
pub(in crate::cli) struct Service {
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

/// What the upstream options come to.
pub(in crate::cli) struct Reached {
    /// What answers.
    pub(in crate::cli) source: Source,
    /// How other hosts are reached.
    pub(in crate::cli) dialler: Dialler,
    /// Where requests to our own address go.
    pub(in crate::cli) reverse: Option<Reverse>,
    /// Hosts that are answered beside the contract's own.
    pub(in crate::cli) neighbours: BTreeSet<String>,
    /// The source in words.
    pub(in crate::cli) name: String,
}

impl Reached {
    /// The embedded emulator.
    pub(in crate::cli) fn emulating(settings: Settings, dialler: Dialler) -> Self {
        let neighbours = settings.canned.hosts();
        let source = Source::Emulator(Emulator::new(settings));
        let name = "the embedded emulator".into();
        Self { source, dialler, reverse: Some(Reverse::default()), neighbours, name }
    }
}

impl Service {
    /// Builds the source; `own` are the listeners, which must not be dialled.
    pub(in crate::cli) fn reach(
        &self,
        project: &Project,
        own: Vec<SocketAddr>,
        limits: Limits,
    ) -> Result<Reached, Failure> {
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
