//! `tapdeck devkit`: a development kit that is to use a deck as its proxy.

mod ask;
mod change;
mod deck;
mod disable;
mod enable;
mod fault;
mod firewall;
mod restart;
mod status;
mod visit;

use std::time::Duration;

use super::{Code, Failure, Home, session};
use crate::devkit::{Address, Fingerprint};

/// What to do with a kit.
#[derive(Debug, clap::Subcommand)]
pub(super) enum Command {
    /// Tell whether a kit's portal answers, whether it has a proxy, and what was set from here
    #[command(after_help = STATUS_EXAMPLES)]
    Status(Kit),
    /// Make a kit use our deck as its proxy, and trust our authority, from its next restart on
    #[command(after_help = ENABLE_EXAMPLES)]
    Enable(enable::Options),
    /// Undo that: take the kit's proxy away, whoever set it, from its next restart on
    #[command(after_help = DISABLE_EXAMPLES)]
    Disable(disable::Options),
}

/// Which kit, and what it takes to be heard by its Device Portal.
#[derive(Debug, clap::Args)]
pub(super) struct Kit {
    /// The kit: a name or an address, with the portal's port unless it is 11443
    #[arg(value_name = "ADDRESS")]
    address: Address,
    /// The user that was set on the kit; the password is TAPDECK_DEVKIT_PASSWORD, or is asked for
    #[arg(long, env = "TAPDECK_DEVKIT_USER", value_name = "NAME")]
    user: Option<String>,
    /// SHA-256 of the certificate its portal must show; it is remembered
    #[arg(long, value_name = "SHA256")]
    fingerprint: Option<Fingerprint>,
    /// Take the certificate a kit shows the first time, without asking; a changed one is an error all the same
    #[arg(long)]
    yes: bool,
    /// Seconds the portal may take to answer
    #[arg(long, default_value = "30", value_name = "SECONDS", value_parser = seconds)]
    timeout: Duration,
    /// Print the requests that would be made, and make none
    #[arg(long)]
    dry_run: bool,
    #[command(flatten)]
    home: Home,
}

pub(super) fn run(command: &Command) -> Result<Code, Failure> {
    session::block_on(async {
        match command {
            Command::Status(kit) => status::run(kit).await,
            Command::Enable(options) => enable::run(options).await,
            Command::Disable(options) => disable::run(options).await,
        }
    })
}

/// A span of time in seconds, at most an hour.
fn seconds(text: &str) -> Result<Duration, String> {
    let seconds: f64 = text.parse().map_err(|_| "write seconds, like 30")?;
    if seconds > 0.0 && seconds <= 3600.0 {
        Ok(Duration::from_secs_f64(seconds))
    } else {
        Err("more than nothing, and at most an hour".into())
    }
}

const STATUS_EXAMPLES: &str = "\
Example:
  tapdeck devkit status 10.0.0.5 --user dev";
const ENABLE_EXAMPLES: &str = "\
Examples:
  tapdeck devkit enable 10.0.0.5 --user dev --restart
  tapdeck devkit enable 10.0.0.5 --proxy 10.0.0.2:8888 --dry-run    print the requests, make none
  tapdeck devkit disable 10.0.0.5 --user dev --restart              undo it";
const DISABLE_EXAMPLES: &str = "\
Example:
  tapdeck devkit disable 10.0.0.5 --user dev --restart";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_deadline_is_some_time_within_an_hour() {
        assert_eq!(seconds("0.5"), Ok(Duration::from_millis(500)));
        for wrong in ["", "0", "-1", "soon", "NaN", "3601", "inf"] {
            assert!(seconds(wrong).is_err(), "{wrong}");
        }
    }
}
