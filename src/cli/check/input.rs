//! What `check` reads: each file is opened as what it is, and judged.

use std::path::Path;
use std::sync::Arc;

use crate::cassette::{Cassette, Seal, seal};
use crate::cli::{Failure, say, serve};
use crate::conduct::Judge;
use crate::contract::Contract;
use crate::exchange::Outcome;
use crate::report::{Report, Source};

/// Judges everything a file holds and adds what is found.
pub(super) fn judge(file: &Path, contract: &Arc<Contract>, report: &mut Report) -> Result<(), Failure> {
    let mut text = Cassette::bytes(file).map_err(|error| serve::unreadable(&error))?;
    let cassette = Cassette::parse(file, &text).map_err(|error| serve::unreadable(&error))?;
    for note in &cassette.notes {
        say(&format!("note: {}: {note}", file.display()));
    }
    let unserved = cassette.exchanges().filter(|record| record.outcome != Outcome::Answered).count();
    if unserved > 0 {
        say(&format!(
            "note: {}: {unserved} answered by tapdeck, not the service: only the calls are judged",
            file.display()
        ));
    }
    // A journal is judged as the file it will be sealed to: the order of its lines is a matter of timing.
    let cassette = match cassette.seal {
        Seal::Unsealed => {
            text = Vec::new();
            seal::canonical(&cassette).unwrap_or(cassette)
        }
        Seal::Sealed | Seal::Edited => cassette,
    };
    let source = Source { name: &file.display().to_string(), text: &text };
    report.cassette(&mut Judge::new(Arc::clone(contract)), &cassette, source);
    Ok(())
}
