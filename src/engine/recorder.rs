//! From a redacted exchange to lines in the journal.

pub(super) mod frame;

use std::collections::BTreeSet;
use std::net::{IpAddr, Ipv4Addr};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::time::Instant;

use tokio_util::sync::CancellationToken;

use super::journal::{Bounds, Journal, JournalError};
use crate::cassette::{Circumstances, HttpRecord, LineBody, Mark, Record, StoredBody, Timing, WireBytes, Withheld};
use crate::exchange::{Answer, Call};
use crate::message::Headers;
use crate::redact::{REDACTED, Redacted, Redactor, Unkept};
use crate::slot::alias::AliasClass;

/// Writes exchanges to a journal, each before its client is answered.
#[derive(Debug)]
pub struct Recorder {
    journal: Journal,
    position: Arc<AtomicU64>,
    secrets: AtomicUsize,
    began: Instant,
}

/// When and where a call was read.
#[derive(Clone, Copy, Debug)]
pub(super) struct Begun {
    pub(super) asked: u64,
    at: Instant,
}

impl Recorder {
    /// Starts a journal; the file must not exist.
    ///
    /// # Errors
    /// When it exists or cannot be written.
    pub fn create(path: &Path) -> Result<Self, JournalError> {
        Self::bounded(path, Bounds::default())
    }

    /// Starts a journal that gets no longer than so much.
    ///
    /// # Errors
    /// As for [`Self::create`].
    pub fn bounded(path: &Path, bounds: Bounds) -> Result<Self, JournalError> {
        let position = Arc::new(AtomicU64::new(0));
        let journal = Journal::create(path, Arc::clone(&position), bounds)?;
        Ok(Self { journal, position, secrets: AtomicUsize::new(0), began: Instant::now() })
    }

    /// Cancelled once the journal is as long as it may get.
    pub fn spent(&self) -> &CancellationToken {
        self.journal.spent()
    }

    /// Gives a call its place: everything answered before now precedes it.
    pub(super) fn begin(&self) -> Begun {
        Begun { asked: self.position.fetch_add(1, Ordering::SeqCst) + 1, at: Instant::now() }
    }

    /// Writes one exchange and returns when it is written.
    pub(super) async fn record(
        &self,
        redactor: &Redactor,
        lane: &str,
        begun: Begun,
        call: &Redacted<Call>,
        answer: &Redacted<Answer>,
    ) -> Result<(), JournalError> {
        let (line, used) = self.line(redactor, lane, begun, call, answer);
        self.write(lane, used, line).await
    }

    /// Writes a line behind what it names.
    async fn write(
        &self,
        lane: &str,
        used: BTreeSet<(AliasClass, String)>,
        line: LineBody,
    ) -> Result<(), JournalError> {
        let mut unit = vec![LineBody::lane(lane)];
        unit.extend(used.iter().map(|(class, text)| LineBody::alias(*class, text)));
        unit.push(line);
        self.journal.append(unit).await.map(drop)
    }

    /// Writes a note behind what was asked and answered so far.
    ///
    /// # Errors
    /// It could not be written.
    pub(super) async fn mark(&self, note: &str) -> Result<(), JournalError> {
        let mark = Mark { at_position: self.position.load(Ordering::SeqCst), text: note.to_owned() };
        self.journal.append(vec![LineBody::mark(&mark)]).await.map(drop)
    }

    /// Exchanges that were kept without their contents, because a secret was left in them.
    pub fn secrets(&self) -> usize {
        self.secrets.load(Ordering::Relaxed)
    }

    /// Ends the journal: everything written is on the disk when this returns.
    ///
    /// # Errors
    /// The error that ended the recording, if one did.
    pub async fn close(&self) -> Result<(), JournalError> {
        self.journal.close().await
    }

    /// The record as it may be written, and the aliases in it. What its own answer taught may stand in the request:
    /// it is looked through again. A record that still holds a secret is written without what may hold it.
    fn line(
        &self,
        redactor: &Redactor,
        lane: &str,
        begun: Begun,
        call: &Redacted<Call>,
        answer: &Redacted<Answer>,
    ) -> (LineBody, BTreeSet<(AliasClass, String)>) {
        let used = |call: &Redacted<Call>, answer: &Redacted<Answer>| {
            call.aliases.iter().chain(&answer.aliases).cloned().collect::<BTreeSet<_>>()
        };
        let mut record = http_record(lane, begun, self.began, call, answer);
        if is_clean(redactor, &mut record) {
            return (LineBody::http(&record), used(call, answer));
        }
        let (call, answer) = (
            call.then(|call| redactor.call_again(call)),
            answer.then(|answer| redactor.answer_again(&call.message, answer)),
        );
        let mut record = http_record(lane, begun, self.began, &call, &answer);
        if is_clean(redactor, &mut record) {
            return (LineBody::http(&record), used(&call, &answer));
        }
        (LineBody::http(&self.emptied(record)), BTreeSet::new())
    }

    /// A record that was written before something in it became known, without that; `None` when there is no such thing.
    pub fn polished(&self, redactor: &Redactor, record: &Record) -> Option<Record> {
        match record {
            Record::Http(record) => {
                self.polished_exchange(redactor, record).map(|record| Record::Http(Box::new(record)))
            }
            Record::Frame(record) => self.polished_frame(redactor, record).map(|frame| Record::Frame(Box::new(frame))),
            Record::Mark(mark) => polished_mark(redactor, mark).map(Record::Mark),
        }
    }

    fn polished_exchange(&self, redactor: &Redactor, record: &HttpRecord) -> Option<HttpRecord> {
        let mut polished = record.clone();
        if is_clean(redactor, &mut polished) {
            return None;
        }
        let request = record.request();
        let call = Call::new(IpAddr::V4(Ipv4Addr::LOCALHOST), record.protocol, record.service(), request);
        let answer = Answer { outcome: record.outcome, response: record.response() };
        let (kept, kept_answer) = (redactor.call_again(&call), redactor.answer_again(&call, &answer));
        let (asked, answered) = (wire(kept.body_changed), wire(kept_answer.body_changed));
        polished.rewrite(&kept.message.request, asked, &kept_answer.message, answered);
        Some(if is_clean(redactor, &mut polished) { polished } else { self.emptied(polished) })
    }

    /// What is left of a record when nothing in it can be trusted to be clean.
    fn emptied(&self, record: HttpRecord) -> HttpRecord {
        tracing::error!(op = record.op, "a secret was left after redaction; the exchange is kept without its contents");
        self.secrets.fetch_add(1, Ordering::Relaxed);
        emptied(record)
    }
}

/// A note written before something in it became known, without that.
fn polished_mark(redactor: &Redactor, mark: &Mark) -> Option<Mark> {
    let is_clean = |text: &str| redactor.is_clean(text.as_bytes());
    let text = (!is_clean(&mark.text)).then(|| redactor.text(&mark.text))?;
    Some(Mark { text: if is_clean(&text) { text } else { REDACTED.to_owned() }, ..mark.clone() })
}

/// The last look before a write. Base64 is looked into, not at. A lane's name is nothing that was overheard: whoever
/// calls a lane `host` must not lose what the player of that gamertag did.
fn is_clean(redactor: &Redactor, record: &mut HttpRecord) -> bool {
    let lane = std::mem::take(&mut record.lane);
    let legible = record.legible();
    let is_clean = redactor.is_clean(LineBody::http(legible.as_ref().unwrap_or(record)).json());
    record.lane = lane;
    is_clean
}

/// A record without anything a client or the service wrote.
fn emptied(mut record: HttpRecord) -> HttpRecord {
    let (request, response) = (&mut record.request, &mut record.response);
    request.method = REDACTED.to_owned();
    request.authority = REDACTED.to_owned();
    request.target = format!("/{REDACTED}");
    request.body = request.body.take().map(|_| StoredBody::withheld(SECRET_LEFT, &[]));
    response.body = Some(StoredBody::withheld(SECRET_LEFT, &[]));
    for headers in [&mut request.headers, &mut request.trailers, &mut response.headers, &mut response.trailers] {
        *headers = Headers::new();
    }
    record
}

fn http_record(
    lane: &str,
    begun: Begun,
    began: Instant,
    call: &Redacted<Call>,
    answer: &Redacted<Answer>,
) -> HttpRecord {
    let about = Circumstances {
        lane: lane.to_owned(),
        op: call.message.resolution.name().to_owned(),
        asked: begun.asked,
        protocol: call.message.protocol,
        timing: Some(Timing { at: milliseconds(began, begun.at), took: milliseconds(begun.at, Instant::now()) }),
        request_wire: wire(call.body_changed),
        response_wire: wire(answer.body_changed),
    };
    let mut record = HttpRecord::new(about, &call.message.request, &answer.message);
    if let Some(unkept) = &call.withheld {
        record.request.body = Some(withheld(unkept));
    }
    if let Some(unkept) = &answer.withheld {
        record.response.body = Some(withheld(unkept));
    }
    record
}

fn withheld(unkept: &Unkept) -> StoredBody {
    let Unkept { reason, length, sha256 } = unkept.clone();
    StoredBody::known(Withheld { reason: reason.to_owned(), length, sha256 })
}

fn milliseconds(from: Instant, to: Instant) -> u64 {
    u64::try_from(to.duration_since(from).as_millis()).unwrap_or(u64::MAX)
}

fn wire(changed: bool) -> WireBytes {
    if changed { WireBytes::Drop } else { WireBytes::Keep }
}

const SECRET_LEFT: &str = "a secret was left after redaction";

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cassette::Circumstances;
    use crate::exchange::{Outcome, Protocol};
    use crate::message::{Request, Response};

    fn record(request: Request) -> HttpRecord {
        let about = Circumstances {
            lane: "lane-1".into(),
            op: "session.put".into(),
            asked: 1,
            protocol: Protocol::H1,
            timing: None,
            request_wire: WireBytes::Keep,
            response_wire: WireBytes::Keep,
        };
        let response = Response::new(200, Headers::new(), "{}");
        HttpRecord::new(about, &request, &Answer { outcome: Outcome::Answered, response })
    }

    #[test]
    fn a_secret_found_before_the_seal_is_replaced_or_counted() {
        let dir = tempfile::tempdir().unwrap();
        let recorder = Recorder::create(&dir.path().join("a.cassette.jsonl")).unwrap();
        let redactor = Redactor::new(1);
        let mut request = Request { method: "PUT".into(), target: "/handles".into(), ..Request::default() };
        assert!(recorder.polished_exchange(&redactor, &record(request.clone())).is_none());

        let alias = redactor.alias(crate::slot::Class::Gamertag, "MajorNelson").unwrap();
        request.headers.push("x-note", "by MajorNelson");
        let polished = recorder.polished_exchange(&redactor, &record(request.clone())).unwrap();
        assert_eq!(polished.request().headers.text("x-note"), Some(format!("by {alias}").as_str()));
        assert_eq!(recorder.secrets(), 0);

        // What a lane is called is nobody's secret, be it a player's gamertag.
        request.headers = Headers::new();
        let named = HttpRecord { lane: "MajorNelson".into(), ..record(request.clone()) };
        assert!(recorder.polished_exchange(&redactor, &named).is_none());

        // A header's name is nothing that could be replaced.
        request.headers.push("x-2814646326226712", "1");
        let emptied = recorder.polished_exchange(&redactor, &record(request)).unwrap();
        assert!(emptied.request().headers.is_empty() && emptied.withheld().is_some());
        assert_eq!(recorder.secrets(), 1);

        let mark = |text: &str| Mark { at_position: 1, text: text.into() };
        assert_eq!(polished_mark(&redactor, &mark("by MajorNelson")), Some(mark(&format!("by {alias}"))));
        assert_eq!(polished_mark(&redactor, &mark("round two")), None);
    }
}
