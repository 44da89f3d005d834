//! What `check` reads: each file is opened as what it is, and judged.

use std::fs::File;
use std::io::{self, Read};
use std::path::Path;
use std::sync::Arc;

use super::find;
use super::progress::{Watched, bar};
use crate::archive::har::{self, HarError, Judged};
use crate::archive::{Format, sniff};
use crate::cassette::seal::SealError;
use crate::cassette::{Cassette, CassetteError, Ledger, Note, Seal, parts, seal};
use crate::cli::{Failure, say, serve};
use crate::conduct::Judge;
use crate::contract::Contract;
use crate::exchange::Outcome;
use crate::report::{Report, Source, Unread};

/// Judges everything that files and directories hold and adds what is found. What cannot be read is told, and keeps
/// nothing else from being judged.
pub(super) fn judge_all<'p>(named: impl IntoIterator<Item = &'p Path>, contract: &Arc<Contract>, report: &mut Report) {
    for named in named {
        let (files, failures) = find::files(named).unwrap_or_else(|failure| (Vec::new(), vec![failure]));
        failures.iter().for_each(|failure| unread(named, failure, report));
        for file in files {
            match judge(&file, contract, report) {
                Ok(()) => report.file(&file.display().to_string()),
                Err(failure) => unread(&file, &failure, report),
            }
        }
    }
}

fn unread(file: &Path, failure: &Failure, report: &mut Report) {
    say(&failure.to_string());
    report.unread.push(Unread { file: file.display().to_string(), reason: failure.message().to_owned() });
}

fn judge(file: &Path, contract: &Arc<Contract>, report: &mut Report) -> Result<(), Failure> {
    let unopened = |source| serve::unreadable(&CassetteError::Io { path: file.to_owned(), source });
    // The first part of a journal may be gone.
    let parts = parts(file).map_err(unopened)?;
    let mut source = File::open(parts.first().map_or(file, |(_, first)| first)).map_err(unopened)?;
    let length = source.metadata().map_or(0, |about| about.len());
    let mut head = Vec::new();
    source.by_ref().take(HEAD).read_to_end(&mut head).map_err(unopened)?;
    let format = sniff(&head);
    let is_file = source.metadata().is_ok_and(|about| about.is_file());
    let source = Watched::new(io::Cursor::new(head).chain(source), file, length);
    let judge = &mut Judge::new(Arc::clone(contract));
    let unreadable = |error: CassetteError| serve::unreadable(&error);
    match format {
        // A pipe can be read once only.
        Format::Cassette if is_file && Ledger::is_needed(file).map_err(unreadable)? => {
            let bar = bar(file, length);
            let ledger = Ledger::open(file, &mut |bytes| bar.add(bytes)).map_err(unreadable)?;
            judge_ledger(ledger, judge, report)
        }
        Format::Cassette | Format::Empty => {
            let text = Cassette::bytes_from(file, source).map_err(unreadable)?;
            judge_cassette(file, text, judge, report)
        }
        Format::Har => judge_har(file, source, judge, report),
        other => Err(foreign(file, other)),
    }
}

fn judge_cassette(file: &Path, mut text: Vec<u8>, judge: &mut Judge, report: &mut Report) -> Result<(), Failure> {
    let cassette = Cassette::parse(file, &text).map_err(|error| serve::unreadable(&error))?;
    let unserved = cassette.exchanges().filter(|record| record.outcome != Outcome::Answered).count();
    tell(file, &cassette.notes, unserved);
    let cassette = match cassette.seal {
        Seal::Unsealed => {
            text = Vec::new();
            seal::canonical(&cassette).unwrap_or(cassette)
        }
        Seal::Sealed | Seal::Edited => cassette,
    };
    report.cassette(judge, &cassette, Source { name: &file.display().to_string(), text: &text });
    Ok(())
}

/// A journal may be of any length, and is judged as the file it will be sealed to: the order of its lines is a matter of
/// timing.
fn judge_ledger(mut ledger: Ledger, judge: &mut Judge, report: &mut Report) -> Result<(), Failure> {
    tell(&ledger.file, &ledger.notes, ledger.unserved);
    let (name, seal) = (ledger.file.display().to_string(), ledger.seal);
    let changed = |error: SealError| Failure::input(format!("{name}: {error}")).hint("check it again");
    let starts = ledger.starts.clone();
    let mut reading = report.reading(judge, seal, Source::from(name.as_str()), &starts);
    if seal == Seal::Unsealed
        && let Ok(mut canonical) = ledger.canonical(&mut |_| {})
    {
        for nth in 0..canonical.records() {
            reading.entry(&canonical.entry(nth).map_err(changed)?);
        }
        return Ok(());
    }
    for index in 0..ledger.records() {
        reading.entry(&ledger.entry(index).map_err(changed)?);
    }
    Ok(())
}

/// Tells what there is to know before anything is judged.
fn tell(file: &Path, notes: &[Note], unserved: usize) {
    let file = file.display();
    notes.iter().for_each(|note| say(&format!("note: {file}: {note}")));
    if unserved > 0 {
        say(&format!("note: {file}: {unserved} answered by tapdeck, not the service: only the calls are judged"));
    }
}

fn judge_har(file: &Path, source: impl Read + Send, judge: &mut Judge, report: &mut Report) -> Result<(), Failure> {
    let name = file.display().to_string();
    let judged = har::judge(source, &name, judge, report);
    notes(&judged).iter().for_each(|note| say(&format!("note: {name}: {note}")));
    let Some(error) = judged.error else {
        return Ok(());
    };
    let place = error.position().map(|at| format!(":{}:{}", at.line, at.column)).unwrap_or_default();
    let before = match error {
        HarError::NotHar { .. } | HarError::NoEntry { .. } => String::new(),
        _ => format!("; {} judged", many(judged.calls, "call before it", "calls before it")),
    };
    Err(Failure::input(format!("{name}{place}: {error}{before}")).hint(error.hint()))
}

/// What of a file was not judged, and why.
fn notes(judged: &Judged) -> Vec<String> {
    let Judged { elsewhere, unsent, withheld, timeless, unauthorized, broken, .. } = *judged;
    let mut notes = Vec::new();
    let mut note = |count: usize, one: &str, more: &str| {
        if count > 0 {
            notes.push(many(count, one, more));
        }
    };
    note(elsewhere, "call to another host, not judged", "calls to other hosts, not judged");
    note(
        unsent,
        "preflight, tunnel or cached answer, not judged",
        "preflights, tunnels and cached answers, not judged",
    );
    note(withheld, "body was not captured whole, not judged", "bodies were not captured whole, not judged");
    note(timeless, "call has no time that can be read", "calls have no time that can be read");
    note(
        unauthorized,
        "call without credentials: the browser left them out on export, so none are asked for",
        "calls without credentials: the browser left them out on export, so none are asked for",
    );
    if let Some((line, reason)) = judged.first_broken {
        let count = many(broken, "entry cannot be read, left out", "entries cannot be read, left out");
        notes.push(format!("{count}; the first at line {line}: {reason}"));
    }
    if judged.error.is_none() && judged.calls == 0 {
        notes.push("no call to a service with a contract".to_owned());
    }
    notes
}

fn many(count: usize, one: &str, more: &str) -> String {
    format!("{count} {}", if count == 1 { one } else { more })
}

/// A file that is nothing we read.
fn foreign(file: &Path, format: Format) -> Failure {
    let (what, hint) = match format {
        Format::Zip => ("is a zip archive, as SAZ files are: not supported yet", "export the sessions as HAR 1.2"),
        Format::Compressed => ("is compressed", "unpack it first"),
        Format::Utf16 => ("is UTF-16 text", "save it as UTF-8"),
        Format::Text => ("is not JSON, so neither a cassette nor a HAR file", READS),
        _ => ("is neither a cassette nor a HAR file", READS),
    };
    Failure::input(format!("{} {what}", file.display())).hint(hint)
}

const READS: &str = "`check` reads what `tapdeck record` writes, and HAR 1.2";
/// Enough to tell what a file is.
const HEAD: u64 = 1 << 16;
