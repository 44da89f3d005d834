//! `tapdeck.toml`: what a project sets once. A flag beats the environment, that beats the file, that the defaults.
//!
//! Read here are the values and where each one stands. Which flags there are, and what they take, is for the command
//! line to say.

mod fields;
mod page;
mod project;
mod title;

use std::io::Read;
use std::path::{Path, PathBuf};

use serde::de::DeserializeOwned;
use thiserror::Error;

pub use fields::{BOUND_CLASSES, FieldTable};
pub use page::{At, meant};
pub use project::{Given, PolicyLine, Project, RuleLine, Setting, Table};
pub use title::{SchemaFile, TitleTable};

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
    #[error("{path}:{at}: {reason}")]
    At { path: PathBuf, at: At, reason: String },
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

/// A text file of a size a person would write, without the mark that some editors begin a file with.
///
/// # Errors
/// The file cannot be read, is too large or no UTF-8.
pub fn text_of(path: &Path) -> Result<String, ConfigError> {
    let io = |source| ConfigError::Io { path: path.to_owned(), source };
    let mut text = String::new();
    let file = std::fs::File::open(path).map_err(io)?;
    file.take(MAX_BYTES + 1).read_to_string(&mut text).map_err(io)?;
    if text.len() as u64 > MAX_BYTES {
        return Err(ConfigError::TooLarge { path: path.to_owned() });
    }
    if text.starts_with(BYTE_ORDER_MARK) {
        text.remove(0);
    }
    Ok(text)
}

/// The file a project is set up in.
pub const NAME: &str = "tapdeck.toml";
const MAX_BYTES: u64 = 4 << 20;
const BYTE_ORDER_MARK: char = '\u{feff}';
