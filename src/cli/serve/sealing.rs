//! From a journal to the file that is kept.

use std::path::Path;

use super::{many, many_do, unreadable};
use crate::cassette::{Cassette, HttpRecord, Notice, Record, Seal, seal};
use crate::cli::Failure;
use crate::exchange::Outcome;
use crate::mpsd::Service;
use crate::replay;

/// What sealing a journal came to.
pub(in crate::cli) struct Sealed {
    /// One line for people.
    pub(in crate::cli) summary: String,
    /// What does not replay.
    pub(in crate::cli) unfaithful: Vec<replay::Unfaithful>,
}

/// Seals a journal into a file once it is known to read back whole, removes the journal, and plays the file to itself.
/// `polish` replaces records written before something in them became known. `None` when the journal holds no exchange;
/// then it is only removed.
pub(in crate::cli) fn seal_journal(
    journal: &Path,
    sealed: &Path,
    polish: &dyn Fn(&Record) -> Option<Record>,
) -> Result<Option<Sealed>, Failure> {
    let mut recording = Cassette::read(journal).map_err(|error| unreadable(&error))?;
    for entry in &mut recording.entries {
        if let Some(polished) = polish(&entry.record) {
            entry.record = polished;
        }
    }
    if recording.exchanges().next().is_none() {
        let _ = std::fs::remove_file(journal);
        return Ok(None);
    }
    let unsealed = |error: &dyn std::fmt::Display| {
        let hint = format!("the journal {} is kept", journal.display());
        Failure::runtime(format!("cannot seal {}: {error}", sealed.display())).hint(hint)
    };
    let bytes = seal::seal(&recording).map_err(|error| unsealed(&error))?;
    let cassette = Cassette::parse(sealed, &bytes).map_err(|error| unsealed(&error))?;
    if cassette.seal != Seal::Sealed || cassette.exchanges().count() != recording.exchanges().count() {
        return Err(unsealed(&"it would not read back as recorded"));
    }
    seal::write_sealed(sealed, &bytes).map_err(|error| unsealed(&error))?;
    // A torn last line was answered to nobody; a damaged one may hold what somebody still wants.
    let damaged = recording.notes.iter().filter(|note| matches!(note.what, Notice::Lost(_))).count();
    if damaged == 0 {
        std::fs::remove_file(journal).map_err(|error| unsealed(&error))?;
    }
    let unfaithful = replay::verify(&cassette);
    let summary = summary(&cassette, damaged, unfaithful.len());
    let summary = format!("sealed {} ({} bytes): {summary}", sealed.display(), bytes.len());
    Ok(Some(Sealed { summary, unfaithful }))
}

/// What a sealed recording holds, in one line.
fn summary(cassette: &Cassette, lost: usize, unfaithful: usize) -> String {
    let unserved = cassette.exchanges().filter(|record| record.outcome != Outcome::Answered).count();
    let mut parts = vec![
        format!("{} in {}", many(cassette.exchanges().count(), "exchange"), many(cassette.lanes.len(), "lane")),
        match unfaithful {
            0 => "this recording replays".to_owned(),
            count => format!("{} not replay", many_do(count, "exchange")),
        },
    ];
    let (messages, sockets) = cassette.messages();
    if messages > 0 {
        parts.insert(1, format!("{} on {}", many(messages, "message"), many(sockets, "socket")));
    }
    let is_hollow = |record: &&HttpRecord| record.service() == Service::Neighbour && record.withheld().is_some();
    let hollow = cassette.exchanges().filter(is_hollow).count();
    if hollow > 0 {
        parts.push(format!("{} with other hosts kept without what was said", many(hollow, "exchange")));
    }
    if unserved > 0 {
        parts.push(format!("{} answered by tapdeck, not the service", many(unserved, "exchange")));
    }
    if lost > 0 {
        parts.push(format!("{} could not be read, so the journal is kept", many(lost, "line")));
    }
    parts.join("; ")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cassette::line::MAX_LINE;
    use crate::cassette::{Circumstances, LineBody, WireBytes};
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
        LineBody::head(None).write(None, &mut journal);
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
}
