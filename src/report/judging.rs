//! Where findings come from: exchanges and messages are shown to the judge, and what it finds is located.

use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv4Addr};
use std::path::Path;

use super::{Checked, Located, Report};
use crate::cassette::{Cassette, Entry, FrameRecord, HttpRecord, Passage, Passages, Record, Seal, Starts};
use crate::conduct::{Exchange, Heard, Judge};
use crate::contract::Finding;
use crate::exchange::{Answer, Call};

/// A file that is judged.
#[derive(Clone, Copy, Debug)]
pub struct Source<'a> {
    /// Its name, as reports show it.
    pub name: &'a str,
    /// Its text, to find the lines of single values in; without it, findings name the line their record starts on.
    pub text: &'a [u8],
}

impl<'a> From<&'a str> for Source<'a> {
    fn from(name: &'a str) -> Self {
        Self { name, text: b"" }
    }
}

/// How a socket was opened, and how many messages of it were seen.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Opening {
    /// The ordinal of the exchange.
    pub ordinal: usize,
    /// The operation's name.
    pub op: &'static str,
    /// The request's verb.
    pub method: String,
    /// The request's path and query.
    pub target: String,
    /// Messages so far.
    pub messages: usize,
}

impl Default for Opening {
    fn default() -> Self {
        Self { ordinal: 0, op: "unknown", method: String::new(), target: String::new(), messages: 0 }
    }
}

impl Report {
    /// Judges everything a cassette holds and adds what is found.
    pub fn cassette<'a>(&mut self, judge: &mut Judge, cassette: &Cassette, source: impl Into<Source<'a>>) {
        let mut reading = self.reading(judge, cassette.seal, source.into(), &cassette.starts);
        cassette.entries.iter().for_each(|entry| reading.entry(entry));
    }

    /// Judges what a recording holds, record by record. `starts` tells which of its files a line stands in.
    pub fn reading<'a>(
        &'a mut self,
        judge: &'a mut Judge,
        seal: Seal,
        source: Source<'a>,
        starts: &'a Starts,
    ) -> Reading<'a> {
        self.file(source.name);
        let text = if seal == Seal::Unsealed { b"" } else { source.text };
        let passages = Passages::new(text);
        Reading { report: self, judge, name: source.name, starts, passages, sockets: BTreeMap::new(), ordinal: 0 }
    }

    fn exchange_of(
        &mut self,
        judge: &mut Judge,
        record: &HttpRecord,
        file: &str,
        ordinal: usize,
        lines: &mut Lines<'_, '_>,
    ) -> Opening {
        let request = record.request();
        let call = Call::new(IpAddr::V4(Ipv4Addr::LOCALHOST), record.protocol, record.service(), request);
        let answer = Answer { outcome: record.outcome, response: record.response() };
        let (lane, asked, answered) = (record.lane.as_str(), record.asked, record.answered);
        let exchange = Exchange { lane, asked, answered, call: &call, answer: &answer };
        self.judge_exchange(judge, &exchange, Some(file), ordinal, lines);
        let (method, target) = (call.request.method, call.request.target);
        Opening { ordinal, op: call.resolution.name(), method, target, messages: 0 }
    }

    fn message_of(
        &mut self,
        judge: &mut Judge,
        record: &FrameRecord,
        file: &str,
        opening: &Opening,
        lines: &mut Lines<'_, '_>,
    ) {
        let FrameRecord { lane, socket, from, at, .. } = record;
        let Some(message) = record.what.message() else {
            judge.broken(*socket, *at);
            return;
        };
        let heard = Heard { lane, socket: *socket, at: *at, from: *from, message: &message };
        self.judge_message(judge, &heard, Some(file), opening, lines);
    }

    /// Judges an exchange and adds what is found; `at` is its ordinal and its line, 0 for none.
    pub fn exchange(
        &mut self,
        judge: &mut Judge,
        exchange: &Exchange<'_>,
        file: Option<&str>,
        (ordinal, line): (usize, usize),
    ) {
        self.judge_exchange(judge, exchange, file, ordinal, &mut Lines::One(line));
    }

    /// Judges a message and adds what is found; `opening` tells how its socket was opened.
    pub fn message(
        &mut self,
        judge: &mut Judge,
        heard: &Heard<'_>,
        file: Option<&str>,
        opening: &Opening,
        line: usize,
    ) {
        self.judge_message(judge, heard, file, opening, &mut Lines::One(line));
    }

    fn judge_exchange(
        &mut self,
        judge: &mut Judge,
        exchange: &Exchange<'_>,
        file: Option<&str>,
        ordinal: usize,
        lines: &mut Lines<'_, '_>,
    ) {
        let Exchange { lane, call, .. } = exchange;
        self.exchanges += 1;
        if let Some(file) = file {
            self.checked(file).exchanges += 1;
        }
        let (method, target) = (&call.request.method, &call.request.target);
        let about = About { file, exchange: ordinal, message: None, lane, op: call.resolution.name(), method, target };
        self.found(judge.exchange(exchange), &about, lines);
    }

    fn judge_message(
        &mut self,
        judge: &mut Judge,
        heard: &Heard<'_>,
        file: Option<&str>,
        opening: &Opening,
        lines: &mut Lines<'_, '_>,
    ) {
        self.messages += 1;
        if let Some(file) = file {
            self.checked(file).messages += 1;
        }
        let Opening { ordinal, op, method, target, messages } = opening;
        let (exchange, message) = (*ordinal, Some(*messages));
        let about = About { file, exchange, message, lane: heard.lane, op, method, target };
        self.found(judge.message(heard), &about, lines);
    }

    fn found(&mut self, findings: Vec<Finding>, about: &About<'_>, lines: &mut Lines<'_, '_>) {
        if findings.is_empty() {
            return;
        }
        let (part, start) = lines.start();
        let part = about.file.zip(part).map(|(file, part)| Path::new(file).with_file_name(part).display().to_string());
        let passage = lines.passage();
        for finding in findings {
            let line = passage.as_ref().map_or(start, |passage| passage.line(&finding.place));
            self.add(about.located(part.clone(), (line > 0).then_some(line), finding));
        }
    }

    /// Names a file that is judged, whether or not there is anything in it.
    pub fn file(&mut self, name: &str) {
        self.checked(name);
    }

    /// The tally of a file, which comes last when it is new.
    fn checked(&mut self, file: &str) -> &mut Checked {
        if self.files.last().is_none_or(|checked| checked.file != file) {
            self.files.push(Checked { file: file.to_owned(), exchanges: 0, messages: 0 });
        }
        let last = self.files.len() - 1;
        &mut self.files[last]
    }
}

/// A recording that is judged record by record.
pub struct Reading<'a> {
    report: &'a mut Report,
    judge: &'a mut Judge,
    name: &'a str,
    starts: &'a Starts,
    passages: Passages<'a>,
    /// How each socket was opened.
    sockets: BTreeMap<u64, Opening>,
    ordinal: usize,
}

impl Reading<'_> {
    /// Judges the next record and adds what is found.
    pub fn entry(&mut self, entry: &Entry) {
        let mut lines = Lines::Record { passages: &mut self.passages, starts: self.starts, line: entry.line };
        match &entry.record {
            Record::Http(record) => {
                self.ordinal += 1;
                let opening = self.report.exchange_of(self.judge, record, self.name, self.ordinal, &mut lines);
                if record.response.status == UPGRADED {
                    self.sockets.insert(record.asked, opening);
                }
            }
            Record::Frame(record) => {
                let opening = self.sockets.entry(record.socket).or_default();
                opening.messages += 1;
                self.report.message_of(self.judge, record, self.name, opening, &mut lines);
            }
            Record::Mark(_) => {}
        }
    }
}

/// What findings are about.
struct About<'a> {
    file: Option<&'a str>,
    exchange: usize,
    message: Option<usize>,
    lane: &'a str,
    op: &'a str,
    method: &'a str,
    target: &'a str,
}

impl About<'_> {
    fn located(&self, part: Option<String>, line: Option<usize>, finding: Finding) -> Located {
        Located {
            file: self.file.map(str::to_owned),
            part,
            exchange: self.exchange,
            message: self.message,
            lane: self.lane.to_owned(),
            op: self.op.to_owned(),
            method: self.method.to_owned(),
            target: self.target.to_owned(),
            line,
            finding,
            count: 1,
            standing: None,
        }
    }
}

/// The lines that findings of an exchange or message are on.
enum Lines<'p, 't> {
    /// One, or none when it is 0.
    One(usize),
    /// Those of the record that starts there.
    Record { passages: &'p mut Passages<'t>, starts: &'p Starts, line: usize },
}

impl<'p, 't> Lines<'p, 't> {
    /// The file of several, and the line in it.
    fn start(&self) -> (Option<&'p str>, usize) {
        match self {
            Self::One(line) => (None, *line),
            Self::Record { starts, line, .. } => starts.find(*line),
        }
    }

    /// Looked up for records with findings only: it reads the record once more.
    fn passage(&mut self) -> Option<Passage<'t>> {
        match self {
            Self::One(_) => None,
            Self::Record { passages, line, .. } => passages.record(*line),
        }
    }
}

/// The status of an answer that opens a socket.
const UPGRADED: u16 = 101;
