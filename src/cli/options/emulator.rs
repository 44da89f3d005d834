//! What the emulator is made of.

use std::path::{Path, PathBuf};
use std::str::FromStr;

use crate::cli::Failure;
use crate::clock::{Clock, virtual_start};
use crate::config::{self, ConfigError, Project};
use crate::emulator::{Canned, Cast, Player, Settings, Templates};

/// What the emulator is made of.
#[derive(Clone, Debug, clap::Args)]
#[command(next_help_heading = EMULATOR)]
pub(in crate::cli) struct EmulatorOptions {
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
    pub(in crate::cli) fn settings(&self, project: &Project) -> Result<Settings, Failure> {
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

/// The heading of the emulator's flags, and so what `[emulator]` may set.
pub(in crate::cli) const EMULATOR: &str = "Emulator";
