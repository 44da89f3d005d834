//! `tapdeck.toml`: what a project sets once. A flag beats the environment, that beats the file, that the defaults.

use std::io::Read;
use std::path::{Path, PathBuf};

use serde::Deserialize;
use serde::de::DeserializeOwned;
use thiserror::Error;

use crate::emulator::Policies;

/// The file as read. Paths in it are relative to the file.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(default, deny_unknown_fields, rename_all = "kebab-case")]
pub struct Config {
    /// The embedded emulator.
    pub emulator: EmulatorConfig,
}

/// The `[emulator]` table.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(default, deny_unknown_fields, rename_all = "kebab-case")]
pub struct EmulatorConfig {
    /// Session templates beside the built-in ones: a JSON file.
    pub templates: Option<PathBuf>,
    /// Who is who, and who follows whom: a TOML file.
    pub people: Option<PathBuf>,
    /// Canned answers of other services: a TOML file.
    pub neighbours: Option<PathBuf>,
    /// The choices the documents leave open.
    pub policies: Policies,
}

/// A file that cannot be used. Each says where and what.
#[derive(Debug, Error)]
#[expect(missing_docs, reason = "the messages say it")]
pub enum ConfigError {
    #[error("cannot read {path}: {source}")]
    Io { path: PathBuf, source: std::io::Error },
    #[error("{path} is larger than {MAX_BYTES} bytes")]
    TooLarge { path: PathBuf },
    #[error("{path}: {reason}")]
    Content { path: PathBuf, reason: String },
}

impl Config {
    /// Reads the file named, or `tapdeck.toml` where we stand, or nothing.
    ///
    /// # Errors
    /// The file cannot be read, or holds what no such file may.
    pub fn find(named: Option<&Path>) -> Result<Self, ConfigError> {
        match named {
            Some(path) => Self::read(path),
            None if Path::new(NAME).exists() => Self::read(Path::new(NAME)),
            None => Ok(Self::default()),
        }
    }

    fn read(path: &Path) -> Result<Self, ConfigError> {
        let mut config: Self = toml_of(path)?;
        let beside = path.parent().unwrap_or_else(|| Path::new(""));
        let EmulatorConfig { templates, people, neighbours, .. } = &mut config.emulator;
        for file in [templates, people, neighbours].into_iter().flatten() {
            *file = beside.join(&*file);
        }
        Ok(config)
    }
}

/// A TOML file of one type.
///
/// # Errors
/// The file cannot be read, or is not of that type.
pub fn toml_of<T: DeserializeOwned>(path: &Path) -> Result<T, ConfigError> {
    let text = text_of(path)?;
    toml::from_str(&text).map_err(|error| ConfigError::Content {
        path: path.to_owned(),
        reason: error.to_string().trim_end().to_owned(),
    })
}

/// A text file of a size a person would write.
///
/// # Errors
/// The file cannot be read, is too large or no UTF-8.
pub fn text_of(path: &Path) -> Result<String, ConfigError> {
    let io = |source| ConfigError::Io { path: path.to_owned(), source };
    let mut text = String::new();
    let file = std::fs::File::open(path).map_err(io)?;
    file.take(MAX_BYTES + 1).read_to_string(&mut text).map_err(io)?;
    match text.len() as u64 <= MAX_BYTES {
        true => Ok(text),
        false => Err(ConfigError::TooLarge { path: path.to_owned() }),
    }
}

const NAME: &str = "tapdeck.toml";
const MAX_BYTES: u64 = 4 << 20;

#[cfg(test)]
mod tests {
    use super::*;

    fn config(text: &str) -> Result<Config, String> {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join(NAME);
        std::fs::write(&path, text).unwrap();
        let shorten = |text: String| text.replace(&dir.path().display().to_string(), "");
        Config::find(Some(&path)).map_err(|error| shorten(error.to_string())).map(|mut config| {
            let short = |path: PathBuf| PathBuf::from(shorten(path.display().to_string()));
            config.emulator.templates = config.emulator.templates.map(short);
            config
        })
    }

    #[test]
    fn policies_are_set_by_name_and_paths_are_beside_the_file() {
        let text =
            "[emulator]\ntemplates = \"t.json\"\n[emulator.policies]\ncustom-merge = \"deep\"\nfull-status = 403\n";
        let read = config(text).unwrap().emulator;
        assert_eq!((read.templates, read.policies.full_status), (Some("/t.json".into()), 403));
        assert_eq!(config("").unwrap(), Config::default());
    }

    #[test]
    fn a_wrong_name_is_shown_with_its_line() {
        let error = config("[emulator.policies]\ncustom-merg = \"deep\"\n").unwrap_err();
        assert!(error.contains("line 2") && error.contains("custom-merg"), "{error}");
        assert!(config("[emulator]\npolicies = 7\n").unwrap_err().starts_with("/tapdeck.toml: "));
    }
}
