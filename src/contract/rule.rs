//! What a rule is: its name, its weight, whose duty it is, and how to read it.

use std::fmt;

/// One rule of the contract.
#[derive(Clone, Copy, Debug)]
pub struct Rule {
    /// Its stable name, as findings and reports carry it.
    pub id: &'static str,
    /// How much it weighs.
    pub severity: Severity,
    /// Whose duty it is.
    pub side: Side,
    /// What is wrong when it is broken, in one line.
    pub title: &'static str,
    /// What the documents require.
    pub requires: &'static str,
    /// What to do about it.
    pub fix: &'static str,
    /// Where it is written.
    pub citation: &'static str,
    /// An exchange that breaks it. The form is described in `contract/example.rs`.
    pub bad: &'static str,
    /// The same exchange, done right.
    pub good: &'static str,
}

impl PartialEq for Rule {
    fn eq(&self, other: &Self) -> bool {
        self.id == other.id
    }
}

impl Eq for Rule {}

/// How much a finding weighs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Severity {
    /// The sources agree, or the service rejects it.
    Error,
    /// A documented rule some working client or document disagrees with.
    Warning,
    /// Worth a line.
    Info,
}

impl Severity {
    /// The name reports use.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Error => "error",
            Self::Warning => "warning",
            Self::Info => "info",
        }
    }
}

impl fmt::Display for Severity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

/// Whose duty a rule is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Side {
    /// The game's.
    Client,
    /// The service's.
    Service,
}

impl Side {
    /// The name reports use.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Client => "client",
            Self::Service => "service",
        }
    }
}

impl fmt::Display for Side {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}
