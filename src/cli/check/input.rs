//! What `check` reads: each file is opened as what it is, and judged.

use std::path::Path;
use std::sync::Arc;

use crate::cassette::{Cassette, Seal, seal};
use crate::cli::{Failure, say, serve};
use crate::conduct::Judge;
use crate::contract::Contract;
use crate::exchange::Outcome;
use crate::report::Report;

/// Judges everything a file holds and adds what is found.
pub(super) fn judge(file: &Path, contract: &Arc<Contract>, report: &mut Report) -> Result<(), Failure> {
    let cassette = Cassette::read(file).map_err(|error| serve::unreadable(&error))?;
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
        Seal::Unsealed => seal::canonical(&cassette).unwrap_or(cassette),
        Seal::Sealed | Seal::Edited => cassette,
    };
    report.cassette(&mut Judge::new(Arc::clone(contract)), &cassette, &file.display().to_string());
    Ok(())
}
