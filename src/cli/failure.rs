//! What can go wrong, as one clear line, a hint, and an exit code.

use std::error::Error;
use std::fmt;
use std::process::ExitCode;

/// The documented exit codes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Code {
    /// Everything is well.
    Clean = 0,
    /// Findings, misses, or a recording that does not replay.
    Findings = 1,
    /// The command line asks for something that cannot be.
    Usage = 2,
    /// Something broke while running: a port is busy, a disk is full.
    Runtime = 3,
    /// An input cannot be read, or its seal is broken.
    Input = 4,
    /// A secret was found where none may be.
    Secret = 5,
}

impl From<Code> for ExitCode {
    fn from(code: Code) -> Self {
        Self::from(code as u8)
    }
}

/// A failure as it is told: what failed, what to do, and the code the process ends with.
#[derive(Debug)]
pub struct Failure {
    /// The exit code.
    pub code: Code,
    message: String,
    hint: Option<String>,
}

impl Failure {
    /// What was asked for was looked at, and is not as it should be.
    pub fn finding(message: impl Into<String>) -> Self {
        Self::new(Code::Findings, message)
    }

    /// The command line asks for something that cannot be.
    pub fn usage(message: impl Into<String>) -> Self {
        Self::new(Code::Usage, message)
    }

    /// Something broke while running.
    pub fn runtime(message: impl Into<String>) -> Self {
        Self::new(Code::Runtime, message)
    }

    /// An input cannot be read.
    pub fn input(message: impl Into<String>) -> Self {
        Self::new(Code::Input, message)
    }

    /// Says what to do about it.
    #[must_use]
    pub fn hint(self, hint: impl Into<String>) -> Self {
        Self { hint: Some(hint.into()), ..self }
    }

    /// What failed, without the hint.
    pub fn message(&self) -> &str {
        &self.message
    }

    fn new(code: Code, message: impl Into<String>) -> Self {
        Self { code, message: message.into(), hint: None }
    }
}

/// An error with what caused it, each said once.
pub(super) fn told(error: &dyn Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        let cause_text = cause.to_string();
        if !text.contains(&cause_text) {
            text = format!("{text}: {cause_text}");
        }
        source = cause.source();
    }
    text
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "error: {}", self.message)?;
        match &self.hint {
            Some(hint) => write!(f, "\nhint: {hint}"),
            None => Ok(()),
        }
    }
}
