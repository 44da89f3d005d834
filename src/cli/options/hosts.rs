//! Whose traffic is looked into, and what happens to everybody else's.

use crate::cli::{Failure, say};
use crate::intercept::{Neighbours, Others, Pattern};
use crate::mpsd::host::{asks_for_certificate, is_sign_in};

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
