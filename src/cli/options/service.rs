//! Where calls go.

use std::path::PathBuf;
use std::str::FromStr;

use http::Uri;

use super::{EmulatorOptions, HostOptions};
use crate::cli::failure::told;
use crate::cli::{Failure, say};
use crate::config::Project;
use crate::emulator::{Emulator, Settings};
use crate::engine::Source;
use crate::intercept::{Limits, Neighbours, Reverse};
use crate::platform;
use crate::upstream::{self, Dialler, Identity, TrustError, Upstream};

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
    /// Our own certificate, for a service that asks for one: a PEM file of the certificate, those that vouch for it, and
    /// its key. Named with `--intercept client-sessiondirectory.xboxlive.com`, that host is recorded as well
    #[arg(long, env = "TAPDECK_UPSTREAM_CERT", value_name = "FILE")]
    upstream_cert: Option<PathBuf>,
    /// The key of that certificate, where it has a PEM file of its own
    #[arg(long, env = "TAPDECK_UPSTREAM_KEY", value_name = "FILE", requires = "upstream_cert")]
    upstream_key: Option<PathBuf>,
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
    pub(in crate::cli) neighbours: Neighbours,
    /// The source in words.
    pub(in crate::cli) name: String,
}

impl Reached {
    /// The embedded emulator.
    pub(in crate::cli) fn emulating(settings: Settings, dialler: Dialler) -> Self {
        let neighbours = Neighbours::hosts(settings.canned.hosts());
        let source = Source::Emulator(Emulator::new(settings));
        let name = "the embedded emulator".into();
        Self { source, dialler, reverse: Some(Reverse::default()), neighbours, name }
    }
}

impl Service {
    /// Builds the source.
    pub(in crate::cli) fn reach(
        &self,
        project: &Project,
        hosts: &HostOptions,
        dialler: Dialler,
        limits: Limits,
    ) -> Result<Reached, Failure> {
        let Some(target) = &self.upstream else {
            self.need_what_hosts_ask(hosts)?;
            let source = Source::Upstream(self.client(&dialler, None, limits)?);
            let name = "the host each call names".into();
            return Ok(Reached { source, dialler, reverse: None, neighbours: Neighbours::default(), name });
        };
        match target {
            Target::Emulator => Ok(Reached::emulating(self.emulator.settings(project)?, dialler)),
            Target::Url(WebUri(base)) => {
                self.need_what_hosts_ask(hosts)?;
                let source = Source::Upstream(self.client(&dialler, Some(base.clone()), limits)?);
                let (reverse, name) = (Reverse::of(base), base.to_string());
                Ok(Reached { source, dialler, reverse, neighbours: Neighbours::default(), name })
            }
        }
    }

    fn client(&self, dialler: &Dialler, base: Option<Uri>, limits: Limits) -> Result<Upstream, Failure> {
        let identity = self.identity();
        if let Some(identity) = identity.as_ref().filter(|identity| platform::is_for_everybody(identity.key_file())) {
            let key = identity.key_file().display();
            say(&format!("warning: everybody on this machine can read the key in {key}; `chmod 600 {key}`"));
        }
        let options = upstream::Options { base, extra_roots: self.upstream_ca.clone(), identity, limits };
        Upstream::new(dialler, options).map_err(|error| {
            let hint = match error {
                TrustError::Platform(_) => {
                    "install its root certificates (ca-certificates), or give --upstream-ca FILE"
                }
                _ => "--upstream-ca, --upstream-cert and --upstream-key take PEM files",
            };
            Failure::usage(format!("no trust for the upstream: {}", told(&error))).hint(hint)
        })
    }

    fn identity(&self) -> Option<Identity> {
        let certificate = self.upstream_cert.clone()?;
        Some(Identity { certificate, key: self.upstream_key.clone() })
    }

    /// Refuses what cannot be reached on these terms.
    fn need_what_hosts_ask(&self, hosts: &HostOptions) -> Result<(), Failure> {
        hosts.need_no_connection()?;
        match hosts.certified() {
            Some(host) if self.upstream_cert.is_none() => {
                Err(Failure::usage(format!("--intercept {host}: that host asks its callers for a certificate"))
                    .hint("give yours with --upstream-cert, or leave that host out: its calls then pass unread"))
            }
            _ => Ok(()),
        }
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
pub(super) struct WebUri(pub(super) Uri);

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
