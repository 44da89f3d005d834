//! From a journal to the file that is kept.

use std::io;
use std::path::{Path, PathBuf};

use thiserror::Error;

use super::{many_do, unreadable};
use crate::cassette::seal::SealError;
use crate::cassette::{Cassette, CassetteError, Ledger, Notice, Polish, Seal, many};
use crate::cli::bar::Bar;
use crate::cli::{Failure, say};
use crate::platform;
use crate::replay;

/// What sealing a journal came to.
pub(in crate::cli) struct Sealed {
    /// One line for people.
    pub(in crate::cli) summary: String,
    /// What does not replay.
    pub(in crate::cli) unfaithful: Vec<replay::Unfaithful>,
}

/// Why a sealed file does not take its name.
#[derive(Debug, Error)]
enum Unsealed {
    #[error(transparent)]
    Seal(#[from] SealError),
    #[error(transparent)]
    Io(#[from] io::Error),
    #[error(transparent)]
    Cassette(#[from] CassetteError),
    #[error("it would not read back as recorded")]
    Differs,
}

/// Seals a journal and its further parts into one file once that is known to read back whole, removes them, and plays
/// the file to itself. `polish` replaces records written before something in them became known. `None` when the journal
/// holds no exchange; then it is only removed, if nothing in it is damaged.
pub(in crate::cli) fn seal_journal(
    journal: &Path,
    sealed: &Path,
    polish: &Polish<'_>,
) -> Result<Option<Sealed>, Failure> {
    let mut ledger = read(journal, polish)?;
    let lost = Lost::of(&ledger);
    if ledger.exchanges() == 0 {
        if lost.is_nothing() {
            let _ = remove(&ledger.parts);
        }
        return Ok(None);
    }
    let unsealed = |error: &dyn std::fmt::Display| {
        let hint = format!("the journal {} is kept", journal.display());
        Failure::runtime(format!("cannot seal {}: {error}", sealed.display())).hint(hint)
    };
    let exchanges = ledger.exchanges();
    let steps = u64::try_from(ledger.records()).unwrap_or(u64::MAX).saturating_mul(2);
    let bar = Bar::of_steps(format!("sealing {}", sealed.display()), steps);
    let checked = ledger.seal_to(sealed, &mut |_| bar.add(1), |written| check(sealed, written, exchanges));
    drop(bar);
    let checked = checked.map_err(|error: Unsealed| unsealed(&error))?;
    // A torn last line was answered to nobody; a damaged one may hold what somebody still wants.
    if lost.is_nothing() {
        remove(&ledger.parts).map_err(|error| unsealed(&error))?;
    }
    let unfaithful = checked.as_ref().map(replay::verify);
    let bytes = std::fs::metadata(sealed).map_or(0, |about| about.len());
    let summary = summary(&ledger, lost, unfaithful.as_ref().map(Vec::len));
    let summary = format!("sealed {} ({bytes} bytes): {summary}", sealed.display());
    Ok(Some(Sealed { summary, unfaithful: unfaithful.unwrap_or_default() }))
}

/// Reads a journal for the first time, and says what sealing a long one takes.
fn read(journal: &Path, polish: &Polish<'_>) -> Result<Ledger, Failure> {
    let length = crate::cassette::parts(journal).unwrap_or_default();
    let length: u64 = length.iter().filter_map(|(_, part)| Some(std::fs::metadata(part).ok()?.len())).sum();
    let bar = Bar::of_bytes(format!("reading {}", journal.display()), length);
    let ledger = Ledger::polished(journal, polish, &mut |bytes| bar.add(bytes)).map_err(|error| unreadable(&error))?;
    drop(bar);
    if length > MOST_IN_MEMORY {
        let records = u64::try_from(ledger.records()).unwrap_or(u64::MAX);
        say(&format!(
            "sealing {} in {} ({} MB): this takes some {} MB of disk beside them and {} MB of memory",
            many(ledger.exchanges(), "exchange"),
            many(ledger.parts.len(), "part"),
            length / 1_000_000,
            length / 1_000_000 * 2,
            (records * BYTES_A_RECORD).div_ceil(1_000_000)
        ));
    }
    Ok(ledger)
}

/// Reads back what was written. The recording itself, if it is short enough to be played to itself.
fn check(sealed: &Path, written: &Path, exchanges: usize) -> Result<Option<Cassette>, Unsealed> {
    let is_short = std::fs::metadata(written)?.len() <= MOST_IN_MEMORY;
    let (seal, count, cassette) = if is_short {
        let cassette = Cassette::parse(sealed, &std::fs::read(written)?)?;
        (cassette.seal, cassette.exchanges().count(), Some(cassette))
    } else {
        let ledger = Ledger::open(written, &mut |_| {})?;
        (ledger.seal, ledger.exchanges(), None)
    };
    if seal != Seal::Sealed || count != exchanges {
        return Err(Unsealed::Differs);
    }
    Ok(cassette)
}

/// Removes the parts of a journal, the first of them last: it stands for them all.
fn remove(parts: &[PathBuf]) -> io::Result<()> {
    parts.iter().rev().try_for_each(|part| platform::remove(part))
}

/// What is missing of a journal.
#[derive(Clone, Copy)]
struct Lost {
    lines: usize,
    parts: usize,
}

impl Lost {
    fn of(ledger: &Ledger) -> Self {
        let parts = ledger.notes.iter().filter(|note| matches!(note.what, Notice::NoPart(_))).count();
        let lines = ledger.notes.iter().filter(|note| note.what.is_loss()).count() - parts;
        Self { lines, parts }
    }

    fn is_nothing(self) -> bool {
        self.lines + self.parts == 0
    }
}

/// What a sealed recording holds, in one line. `unfaithful`: how many exchanges do not replay, when that was tried.
fn summary(ledger: &Ledger, lost: Lost, unfaithful: Option<usize>) -> String {
    let mut parts = vec![
        format!("{} in {}", many(ledger.exchanges(), "exchange"), many(ledger.lanes.len(), "lane")),
        match unfaithful {
            Some(0) => "this recording replays".to_owned(),
            Some(count) => format!("{} not replay", many_do(count, "exchange")),
            None => "too long to be played to itself: `tapdeck cassette trim` cuts out what is to be played".to_owned(),
        },
    ];
    let (messages, sockets) = ledger.messages();
    if messages > 0 {
        parts.insert(1, format!("{} on {}", many(messages, "message"), many(sockets, "socket")));
    }
    if ledger.hollow > 0 {
        parts.push(format!("{} with other hosts kept without what was said", many(ledger.hollow, "exchange")));
    }
    if ledger.unserved > 0 {
        parts.push(format!("{} answered by tapdeck, not the service", many(ledger.unserved, "exchange")));
    }
    if lost.lines > 0 {
        parts.push(format!("{} could not be read, so the journal is kept", many(lost.lines, "line")));
    }
    if lost.parts > 0 {
        let is = if lost.parts == 1 { "is" } else { "are" };
        parts.push(format!("{} {is} missing, so the journal is kept", many(lost.parts, "part")));
    }
    parts.join("; ")
}

/// Longer recordings are read back record by record, and not played to themselves.
const MOST_IN_MEMORY: u64 = 64 << 20;
/// What sealing keeps in memory of a record, as measured by `benches/long`.
const BYTES_A_RECORD: u64 = 700;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cassette::line::MAX_LINE;
    use crate::cassette::{Circumstances, HttpRecord, LineBody, WireBytes};
    use crate::exchange::{Answer, Protocol};
    use crate::message::{Body, Headers, Request, Response};
    use crate::slot::alias::AliasClass;

    /// A journal of one exchange that just fits its line; canonical aliases are longer than the ones it has.
    fn unsealable() -> Vec<u8> {
        let about = Circumstances {
            lane: "lane-1".into(),
            op: "session.put".into(),
            asked: 1,
            protocol: Protocol::H1,
            timing: None,
            request_wire: WireBytes::Keep,
            response_wire: WireBytes::Keep,
        };
        let body = "P1 ".repeat(400) + &"x".repeat(MAX_LINE - 2000);
        let request =
            Request { method: "PUT".into(), target: "/".into(), body: Body::plain(body), ..Request::default() };
        let answer = Answer::answered(Response::new(204, Headers::new(), ""));
        let mut journal = Vec::new();
        LineBody::head(None, 1).write(None, &mut journal);
        LineBody::alias(AliasClass::Gamertag, "P1").write(None, &mut journal);
        LineBody::http(&HttpRecord::new(about, &request, &answer)).write(Some(2), &mut journal);
        journal
    }

    #[test]
    fn what_cannot_be_read_back_replaces_nothing() {
        let directory = tempfile::tempdir().unwrap();
        let (journal, sealed) = (directory.path().join("a.cassette.jsonl"), directory.path().join("a.cassette.json"));
        std::fs::write(&journal, unsealable()).unwrap();
        std::fs::write(&sealed, "the last good recording").unwrap();
        let Err(failure) = seal_journal(&journal, &sealed, &|_| None) else { panic!("it cannot be read back") };
        assert!(failure.to_string().contains("more than a line can have"), "{failure}");
        assert_eq!(std::fs::read(&sealed).unwrap(), b"the last good recording");
        assert!(journal.exists());
    }

    #[test]
    fn a_journal_without_an_exchange_is_removed_unless_something_in_it_is_damaged() {
        let directory = tempfile::tempdir().unwrap();
        let (journal, sealed) = (directory.path().join("a.cassette.jsonl"), directory.path().join("a.cassette.json"));
        let mut lines = Vec::new();
        LineBody::head(None, 1).write(None, &mut lines);
        for damaged in [[&lines[..], b"{\"crc\":\"00000000\",\"kind\":\"http\"}\n"].concat(), lines] {
            let is_damaged = damaged.iter().filter(|byte| **byte == b'\n').count() > 1;
            std::fs::write(&journal, &damaged).unwrap();
            assert!(seal_journal(&journal, &sealed, &|_| None).unwrap().is_none());
            assert_eq!((std::fs::read(&journal).ok(), sealed.exists()), (is_damaged.then_some(damaged), false));
        }
        std::fs::write(&journal, "{\"crc\":\"00000000\",\"kind\":\"head\"}\n").unwrap();
        assert!(seal_journal(&journal, &sealed, &|_| None).is_err());
        assert!(journal.exists() && !sealed.exists(), "no line of it is whole");
    }
}
