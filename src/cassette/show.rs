//! A cassette as people read it: a table of exchanges, or one exchange in full.

use std::collections::BTreeMap;
use std::fmt::Write;

use super::body::{Content, StoredBody};
use super::frame::{Cue, FrameRecord};
use super::record::HttpRecord;
use super::{Cassette, Entry, Record};
use crate::exchange::Outcome;
use crate::json::{self, Doc, Node};
use crate::message::Headers;
use crate::mpsd::rta::{Frame, trimmed};
use crate::mpsd::{ParamName, ROUTES, Service, resolve};
use crate::socket::Sender;

/// What to show.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum View {
    /// One line for each record.
    Table,
    /// The record of that number, counted from 1, in full.
    Record(usize),
}

/// The text of a view. Control characters are made visible: a cassette may come from anyone.
pub fn show(cassette: &Cassette, view: View) -> String {
    match view {
        View::Table => table(cassette),
        View::Record(number) => match number.checked_sub(1).and_then(|index| cassette.entries.get(index)) {
            Some(entry) => detail(number, entry, &standing(cassette, entry), &Numbers::of(cassette)),
            None => format!("there is no record {number}: the cassette has {}\n", cassette.entries.len()),
        },
    }
}

/// Records by the positions at which they were asked, answered and read: people look records up by number.
struct Numbers(BTreeMap<u64, usize>);

impl Numbers {
    fn of(cassette: &Cassette) -> Self {
        let positions = |record: &Record| match record {
            Record::Http(http) => vec![http.asked, http.answered],
            Record::Frame(frame) if frame.from == Sender::Client => vec![frame.at],
            Record::Frame(_) | Record::Mark(_) => Vec::new(),
        };
        let numbered = cassette.entries.iter().enumerate();
        Self(numbered.flat_map(|(at, entry)| positions(&entry.record).into_iter().map(move |p| (p, at + 1))).collect())
    }

    fn at(&self, position: u64) -> String {
        self.0.get(&position).map_or_else(|| "?".to_owned(), usize::to_string)
    }
}

fn table(cassette: &Cassette) -> String {
    let mut out = summary(cassette);
    let mut rows = vec![HEADINGS.map(str::to_owned)];
    let numbers = Numbers::of(cassette);
    rows.extend(cassette.entries.iter().enumerate().map(|(index, entry)| row(index + 1, entry, &numbers)));
    let widths: [usize; 8] =
        std::array::from_fn(|column| rows.iter().map(|row| row[column].chars().count()).max().unwrap_or(0));
    for row in &rows {
        let mut line = String::new();
        for ((cell, width), heading) in row.iter().zip(widths).zip(HEADINGS) {
            if ["#", "bytes"].contains(&heading) {
                let _ = write!(line, "{cell:>width$}  ");
            } else {
                let _ = write!(line, "{cell:<width$}  ");
            }
        }
        out.push_str(line.trim_end());
        out.push('\n');
    }
    for note in &cassette.notes {
        let _ = writeln!(out, "note: {note}");
    }
    out
}

fn summary(cassette: &Cassette) -> String {
    let aliases: usize = cassette.aliases.values().map(Vec::len).sum();
    let recorded = cassette.recorded.map(|at| format!(", recorded {at}")).unwrap_or_default();
    format!(
        "{}, format {}, {}{recorded}: {}, {aliases} aliases\n\n",
        visible(&cassette.head.tool),
        visible(&cassette.head.format),
        cassette.seal,
        cassette.contents(),
    )
}

fn row(number: usize, entry: &Entry, numbers: &Numbers) -> [String; 8] {
    let number = number.to_string();
    match &entry.record {
        Record::Http(http) => [
            number,
            visible(&http.lane),
            visible(&http.request.method),
            format!("{} {}", visible(&http.op), visible(&subject(http))),
            http.response.status.to_string(),
            http.outcome.as_str().to_owned(),
            length(http.response.body.as_ref()).to_string(),
            remarks(http),
        ],
        Record::Frame(frame) => [
            number,
            visible(&frame.lane),
            arrow(frame.from).to_owned(),
            format!("{} on socket {}{}", frame.what.name(), numbers.at(frame.socket), gist(frame)),
            frame.what.code.map(|code| code.to_string()).unwrap_or_default(),
            String::new(),
            length(frame.what.body.as_ref()).to_string(),
            frame_remarks(frame, numbers),
        ],
        Record::Mark(mark) => {
            let [lane, method, status, outcome, bytes, notes] = std::array::from_fn(|_| String::new());
            [number, lane, method, format!("-- {}", visible(&mark.text)), status, outcome, bytes, notes]
        }
    }
}

/// What the call is about: the names in its path that tell it from its like; the whole target when it has none.
fn subject(http: &HttpRecord) -> String {
    let service = ROUTES.iter().find(|route| route.name == http.op).map(|route| route.service);
    let host = http.request.authority.split(':').next().unwrap_or_default();
    let service = service.or_else(|| Service::of_host(host));
    let resolution = service.map(|service| resolve(service, &http.request.method, &http.request.target));
    let Some(operation) = resolution.as_ref().and_then(|resolution| resolution.operation()) else {
        return format!("{}{}", http.request.authority, http.request.target);
    };
    let names = operation.params().filter(|(name, _)| *name != ParamName::Scid);
    names.map(|(_, piece)| piece.text.as_str()).collect::<Vec<_>>().join("/")
}

fn remarks(http: &HttpRecord) -> String {
    let mut remarks = Vec::new();
    for (name, label) in [("if-match", "if-match"), ("if-none-match", "if-none-match")] {
        if let Some(value) = http.request.headers.text(name) {
            remarks.push(format!("{label} {}", visible(value)));
        }
    }
    if let Some(etag) = http.response.headers.text("etag") {
        remarks.push(format!("etag {}", visible(etag)));
    }
    if http.withheld().is_some() {
        remarks.push("body withheld, not replayable".to_owned());
    }
    if http.outcome != Outcome::Answered && http.outcome != Outcome::ClientGone {
        remarks.push("not the service's word".to_owned());
    }
    remarks.join(", ")
}

fn arrow(from: Sender) -> &'static str {
    match from {
        Sender::Client => "->",
        Sender::Service => "<-",
    }
}

/// What a message is about: its first words, or the versions an event tells of.
fn gist(frame: &FrameRecord) -> String {
    let content = frame.what.body.as_ref().map(|body| body.content().bytes()).unwrap_or_default();
    let doc = Doc::parse(trimmed(&content)).ok();
    let taps: Vec<String> =
        doc.as_ref().and_then(Frame::of).map(|event| event.taps().map(tap).collect()).unwrap_or_default();
    if !taps.is_empty() {
        return format!(": tap {}", visible(&taps.join(", ")));
    }
    let Ok(text) = std::str::from_utf8(trimmed(&content)) else {
        return String::new();
    };
    let words: String = text.chars().take(LONGEST_GIST).collect();
    let more = if words.len() < text.len() { "…" } else { "" };
    if words.is_empty() { String::new() } else { format!(": {}{more}", visible(&words)) }
}

/// A tap by its session, without the scid, and the version that has.
fn tap(tap: Node<'_>) -> String {
    let resource = tap.get("resource").and_then(Node::str).unwrap_or_default();
    let name = resource.split_once('~').map_or(&*resource, |(_, name)| name).replace('~', "/");
    let number = tap.get("changeNumber").and_then(Node::number).map(|number| format!(" {number}"));
    name + &number.unwrap_or_default()
}

fn frame_remarks(frame: &FrameRecord, numbers: &Numbers) -> String {
    let mut remarks = Vec::new();
    remarks.extend(frame.cue.map(|cue| match cue {
        Cue::Answers(at) => format!("answers {}", numbers.at(at)),
        Cue::CausedBy(at) => format!("caused by {}", numbers.at(at)),
        Cue::Follows(at) => format!("follows {}", numbers.at(at)),
    }));
    if !frame.what.fragments.is_empty() {
        remarks.push(format!("in {} frames", frame.what.fragments.len()));
    }
    if frame.what.body.as_ref().and_then(StoredBody::as_withheld).is_some() {
        remarks.push("body withheld, not replayable".to_owned());
    }
    remarks.join(", ")
}

fn length(body: Option<&StoredBody>) -> u64 {
    match body.map(StoredBody::content) {
        None => 0,
        Some(Content::Withheld(withheld)) => withheld.length,
        Some(content) => u64::try_from(content.bytes().len()).unwrap_or(u64::MAX),
    }
}

/// Where a record stands, as an editor finds it.
fn standing(cassette: &Cassette, entry: &Entry) -> String {
    match cassette.starts.find(entry.line) {
        (Some(file), line) => format!("{}, line {line}", visible(file)),
        (None, line) => format!("line {line}"),
    }
}

fn detail(number: usize, entry: &Entry, standing: &str, numbers: &Numbers) -> String {
    let http = match &entry.record {
        Record::Http(http) => http,
        Record::Frame(frame) => {
            let mut out = format!(
                "record {number} ({standing}): {} {} by {}, at {} on socket {}",
                frame.what.name(),
                arrow(frame.from),
                visible(&frame.lane),
                frame.at,
                numbers.at(frame.socket),
            );
            let remarks = frame_remarks(frame, numbers);
            if !remarks.is_empty() {
                let _ = write!(out, ", {remarks}");
            }
            let text = frame.what.body.as_ref().map(|body| body_text(body.content())).unwrap_or_default();
            let _ = write!(out, "\n\n{text}\n");
            return out;
        }
        Record::Mark(mark) => {
            return format!("record {number}: mark after position {}\n{}\n", mark.at_position, visible(&mark.text));
        }
    };
    let mut out = format!(
        "record {number} ({standing}): {} by {}, asked {} answered {}, {} over {}",
        visible(&http.op),
        visible(&http.lane),
        http.asked,
        http.answered,
        http.outcome.as_str(),
        http.protocol.as_str(),
    );
    if let Some(timing) = http.timing {
        let _ = write!(out, ", at {} ms, took {} ms", timing.at, timing.took);
    }
    let request = &http.request;
    let _ = write!(
        out,
        "\n\n{} {}://{}{}\n",
        visible(&request.method),
        request.scheme.as_str(),
        visible(&request.authority),
        visible(&request.target)
    );
    message(&mut out, &request.headers, request.body.as_ref(), &request.trailers);
    let _ = write!(out, "\n{}\n", http.response.status);
    message(&mut out, &http.response.headers, http.response.body.as_ref(), &http.response.trailers);
    out
}

fn message(out: &mut String, headers: &Headers, body: Option<&StoredBody>, trailers: &Headers) {
    fields(out, headers);
    if let Some(body) = body {
        out.push('\n');
        out.push_str(&body_text(body.content()));
        out.push('\n');
    }
    fields(out, trailers);
}

fn fields(out: &mut String, headers: &Headers) {
    for header in headers.iter() {
        let _ = writeln!(out, "{}: {}", visible(&header.name), visible(&String::from_utf8_lossy(&header.value)));
    }
}

fn body_text(content: &Content) -> String {
    match content {
        Content::Json(raw) => visible_lines(&String::from_utf8_lossy(&json::pretty(raw.get().as_bytes(), 0))),
        Content::Text(text) => visible_lines(text),
        Content::Bytes(bytes) => format!("({} bytes that are no text)", bytes.len()),
        Content::Withheld(withheld) => {
            let reason = visible(&withheld.reason);
            format!("(withheld: {reason}; {} bytes, sha256 {})", withheld.length, visible(&withheld.sha256))
        }
    }
}

fn visible_lines(text: &str) -> String {
    text.lines().map(visible).collect::<Vec<_>>().join("\n")
}

fn visible(text: &str) -> String {
    text.chars().map(|char| if char.is_control() { char::REPLACEMENT_CHARACTER } else { char }).collect()
}

/// How much of a message its line shows.
const LONGEST_GIST: usize = 60;
const HEADINGS: [&str; 8] = ["#", "lane", "method", "operation", "status", "outcome", "bytes", "notes"];

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cassette::sample;
    use crate::cassette::sample::scene::{CONNECTIONS, Scene, tap as tap_text};
    use crate::socket::Message;

    #[test]
    fn the_table_tells_the_story() {
        let text = show(&sample::cassette(), View::Table);
        let lines: Vec<&str> = text.lines().skip(1).collect();
        assert_eq!(
            lines,
            [
                "",
                "#  lane    method  operation                status  outcome   bytes  notes",
                "1  lane-7  PUT     session.put lobby/Room   201     answered     36  etag \"1\"",
                "2  lane-3  GET     session.get lobby/Room   200     answered     36  etag \"1\"",
                "3                  -- the host left",
                "4  lane-7  GET     session.get lobby/Other  404     answered     14",
            ]
        );
    }

    #[test]
    fn messages_are_told_by_what_they_are_about() {
        let mut scene = Scene::default();
        let socket = scene.open("a");
        scene.says(socket, &format!("[1, 1, \"{CONNECTIONS}\"]\0\0"));
        scene.told(socket, &tap_text(0, "Room", 7, "s"));
        scene.message(socket, Sender::Service, &Message::close(4000));
        let cassette = scene.cassette();
        assert!(show(&cassette, View::Record(4)).contains("close <- by a, at 5 on socket 1"));
        let text = show(&cassette, View::Table);
        let lines: Vec<&str> = text.lines().map(|line| line.get(..75).unwrap_or(line).trim_end()).collect();
        assert!(text.contains(": 1 exchange, 1 lane, 3 messages on 1 socket, 0 aliases\n"), "{text}");
        assert!(lines[4].starts_with("2  a     ->      text on socket 1: [1, 1, \"https://sessiondirectory"), "{text}");
        assert!(lines[5].starts_with("3  a     <-      text on socket 1: tap lobby/room 7"), "{text}");
        assert!(lines[6].starts_with("4  a     <-      close on socket 1"), "{text}");
    }

    #[test]
    fn one_record_in_full() {
        let text = show(&sample::cassette(), View::Record(1));
        assert!(text.contains("PUT https://sessiondirectory.xboxlive.com/serviceconfigs/"), "{text}");
        assert!(text.contains("\n201\ncontent-length: 36\netag: \"1\"\n\n{\n  \"xuid\""), "{text}");
        assert_eq!(show(&sample::cassette(), View::Record(9)), "there is no record 9: the cassette has 4\n");
    }

    #[test]
    fn escape_sequences_do_not_reach_the_terminal() {
        let mut cassette = sample::cassette();
        if let Record::Http(http) = &mut cassette.entries[0].record {
            http.lane = "\u{1b}[2J".into();
            http.request.method = "\u{9b}x".into();
        }
        for view in [View::Table, View::Record(1)] {
            assert!(!show(&cassette, view).contains(['\u{1b}', '\u{9b}']));
        }
    }
}
