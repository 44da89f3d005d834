//! Looks after cassette files: what state one is in, and its canonical text after an edit.

use std::fmt;
use std::path::{Path, PathBuf};

use thiserror::Error;

use super::load::{bytes_of, without_bom};
use super::seal::{SealError, seal};
use super::{Cassette, CassetteError, Ledger, Note, Notice, Seal};
use crate::json::{Doc, Node, compact};

/// A sealed file put into canonical form again.
#[derive(Debug)]
pub struct Formatted {
    /// The new text.
    pub bytes: Vec<u8>,
    /// What differs from the old one, in words; empty when nothing does.
    pub changes: Vec<String>,
}

/// Why a file cannot be formatted.
#[derive(Debug, Error)]
#[expect(missing_docs, reason = "the messages say it")]
pub enum MaintainError {
    #[error(transparent)]
    Cassette(#[from] CassetteError),
    #[error("{path} cannot be sealed: {source}")]
    Seal { path: PathBuf, source: SealError },
    #[error("{path} is a journal")]
    Journal { path: PathBuf },
}

/// What state a file is in.
#[derive(Debug)]
pub enum Verdict {
    /// A journal.
    Journal {
        /// Whole exchanges.
        exchanges: usize,
        /// What of it can be read, in words.
        contents: String,
        /// Bytes of a last line that was not written to its end.
        torn: usize,
        /// Lines that were damaged or that this build does not know, and parts that are missing.
        left_out: Vec<Note>,
        /// How many files it is in.
        parts: usize,
    },
    /// A sealed file.
    Sealed {
        /// What there is of everything, in words.
        contents: String,
        /// Whether the seal matches.
        seal: Seal,
        /// Records that this build does not know.
        left_out: Vec<Note>,
    },
    /// Not readable as a cassette.
    Broken(CassetteError),
}

/// The canonical text of an edited sealed file, and what that changes.
///
/// # Errors
/// The file is no sealed cassette, holds more than this build understands, or would not be readable afterwards.
pub fn fmt(path: &Path) -> Result<Formatted, MaintainError> {
    let old = bytes_of(path)?;
    let cassette = Cassette::parse(path, &old)?;
    if cassette.seal == Seal::Unsealed {
        return Err(MaintainError::Journal { path: path.to_owned() });
    }
    let bytes = seal(&cassette).map_err(|source| MaintainError::Seal { path: path.to_owned(), source })?;
    Cassette::parse(path, &bytes)?;
    let changes = if bytes == old { Vec::new() } else { changes(without_bom(&old), &bytes, cassette.seal) };
    Ok(Formatted { bytes, changes })
}

/// Looks a file over without changing it. The first part of a long journal stands for all of them.
///
/// # Errors
/// The file cannot be read at all. A file that is no cassette is a [`Verdict::Broken`].
pub fn fsck(path: &Path) -> Result<Verdict, CassetteError> {
    let looked_over = if Ledger::is_needed(path)? {
        Ledger::open(path, &mut |_| {}).map(|ledger| {
            let (exchanges, contents, parts) = (ledger.exchanges(), ledger.contents(), ledger.parts.len());
            Verdict::of(ledger.seal, ledger.notes, contents, (exchanges, parts))
        })
    } else {
        Cassette::parse(path, &bytes_of(path)?).map(|cassette| {
            let (exchanges, contents) = (cassette.exchanges().count(), cassette.contents());
            Verdict::of(cassette.seal, cassette.notes, contents, (exchanges, 1))
        })
    };
    match looked_over {
        Err(error @ CassetteError::Io { .. }) => Err(error),
        looked_over => Ok(looked_over.unwrap_or_else(Verdict::Broken)),
    }
}

impl Verdict {
    fn of(seal: Seal, notes: Vec<Note>, contents: String, (exchanges, parts): (usize, usize)) -> Self {
        let torn = notes.iter().find_map(|note| match note.what {
            Notice::Torn { bytes } => Some(bytes),
            _ => None,
        });
        let is_left_out = |note: &Note| note.what.is_loss() || matches!(note.what, Notice::UnknownKind(_));
        let left_out = notes.into_iter().filter(is_left_out).collect();
        match seal {
            Seal::Unsealed => Self::Journal { exchanges, contents, torn: torn.unwrap_or(0), left_out, parts },
            Seal::Sealed | Seal::Edited => Self::Sealed { contents, seal, left_out },
        }
    }

    /// True when nothing is missing and nothing was changed.
    pub fn is_whole(&self) -> bool {
        match self {
            Self::Journal { torn, left_out, .. } => *torn == 0 && left_out.is_empty(),
            Self::Sealed { seal, left_out, .. } => *seal == Seal::Sealed && left_out.is_empty(),
            Self::Broken(_) => false,
        }
    }
}

impl fmt::Display for Verdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let left_out = match self {
            Self::Journal { contents, torn, left_out, parts, .. } => {
                match parts {
                    1 => write!(f, "journal: {contents}")?,
                    parts => write!(f, "journal in {parts} parts: {contents}")?,
                }
                if *torn > 0 {
                    write!(f, ", last line torn after {torn} bytes")?;
                }
                if !left_out.is_empty() {
                    f.write_str(", damaged")?;
                }
                if self.is_whole() {
                    f.write_str(", whole")?;
                }
                left_out
            }
            Self::Sealed { contents, seal, left_out } => {
                write!(f, "sealed file: {contents}, {seal}")?;
                if *seal == Seal::Edited {
                    f.write_str(" (`tapdeck cassette fmt` seals it again)")?;
                }
                left_out
            }
            Self::Broken(error) => return write!(f, "broken: {error}; {}", error.hint()),
        };
        left_out.iter().try_for_each(|note| write!(f, "\n  {note}"))
    }
}

/// Compares two sealed texts, value by value.
fn changes(old: &[u8], new: &[u8], seal: Seal) -> Vec<String> {
    let (Ok(old), Ok(new)) = (Doc::parse(old), Doc::parse(new)) else {
        return Vec::new();
    };
    let (old, new) = (old.root(), new.root());
    let mut changes = Vec::new();
    if seal == Seal::Edited {
        changes.push("the seal did not match".to_owned());
    }
    let differs = |key: &str| value(old.get(key)) != value(new.get(key));
    let parts = [("head", "rewritten"), ("aliases", "renumbered"), ("lanes", "renamed"), ("timing", "rearranged")];
    changes.extend(parts.iter().filter(|(key, _)| differs(key)).map(|(key, what)| format!("`{key}` {what}")));
    let records = |root: Node<'_>| -> Vec<Vec<u8>> {
        root.get("records").into_iter().flat_map(Node::items).map(|node| compact(node.raw())).collect()
    };
    let (before, after) = (records(old), records(new));
    let moved = before.iter().zip(&after).enumerate().filter(|(_, (before, after))| before != after);
    changes.extend(moved.map(|(index, _)| format!("record {}: moved or rewritten", index + 1)));
    if changes.is_empty() {
        changes.push("layout only".to_owned());
    }
    changes
}

fn value(node: Option<Node<'_>>) -> Vec<u8> {
    node.map(|node| compact(node.raw())).unwrap_or_default()
}

#[cfg(test)]
mod tests;
