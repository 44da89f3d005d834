//! Which line of a sealed file holds what a finding is about.
//!
//! A record of a sealed file is many lines, and a reviewer wants the one with the value. A journal's record is one line.

use serde_json::value::RawValue;

use crate::contract::Place;
use crate::json::{Doc, Node};

/// The records of a sealed file's text, looked up in the order of the file.
#[derive(Debug)]
pub struct Passages<'t> {
    text: &'t [u8],
    line: usize,
    at: usize,
}

/// The text of one record.
#[derive(Debug)]
pub struct Passage<'t> {
    doc: Doc<'t>,
    line: usize,
    breaks: Vec<usize>,
}

impl<'t> Passages<'t> {
    /// The records of a text.
    pub fn new(text: &'t [u8]) -> Self {
        Self { text, line: 1, at: 0 }
    }

    /// The record that starts on a line; `None` when no record starts it, or when the line has gone by.
    pub fn record(&mut self, line: usize) -> Option<Passage<'t>> {
        while self.line < line {
            self.at += self.text.get(self.at..)?.iter().position(|byte| *byte == b'\n')? + 1;
            self.line += 1;
        }
        let start = self.text[self.at..].trim_ascii_start();
        if self.line != line || !start.starts_with(b"{") {
            return None;
        }
        let raw: &RawValue = serde_json::Deserializer::from_slice(start).into_iter().next()?.ok()?;
        let raw = raw.get().as_bytes();
        let breaks = raw.iter().enumerate().filter(|(_, byte)| **byte == b'\n').map(|(at, _)| at).collect();
        Some(Passage { doc: Doc::parse(raw).ok()?, line, breaks })
    }
}

impl Passage<'_> {
    /// The line of a place; where there is no such thing, that of the nearest thing around it.
    pub fn line(&self, place: &Place) -> usize {
        let at = self.offset(place);
        self.line + self.breaks.partition_point(|line_end| *line_end < at)
    }

    fn offset(&self, place: &Place) -> usize {
        let record = self.doc.root();
        let of = |holder: Node<'_>, key| holder.get(key).unwrap_or(holder).span().start;
        let request = || record.get("request").unwrap_or(record);
        let response = || record.get("response").unwrap_or(record);
        match place {
            Place::Target => of(request(), "target"),
            Place::Header(name) => header(request(), name),
            Place::Body(pointer) => in_body(request(), pointer),
            Place::Status => of(response(), "status"),
            Place::AnswerHeader(name) => header(response(), name),
            Place::AnswerBody(pointer) => in_body(response(), pointer),
            Place::Message(pointer) => in_body(record, pointer),
        }
    }
}

/// Where a header stands; where they all start when there is none of that name.
fn header(holder: Node<'_>, name: &str) -> usize {
    let headers = holder.get("headers").unwrap_or(holder);
    let is_named =
        |pair: &Node<'_>| pair.items().next().and_then(Node::str).is_some_and(|known| known.eq_ignore_ascii_case(name));
    headers.items().find(is_named).unwrap_or(headers).span().start
}

/// Where the value a pointer names stands, in whichever form the body is kept.
fn in_body(holder: Node<'_>, pointer: &str) -> usize {
    let body = holder.get("body").unwrap_or(holder);
    if let Some(json) = body.get("json") {
        return nearest(json, pointer).span().start;
    }
    body.get("text").and_then(|text| in_lines(text, pointer)).unwrap_or_else(|| body.span().start)
}

/// The line of a body kept as lines that the value stands on, or that is the first to be no JSON.
fn in_lines(lines: Node<'_>, pointer: &str) -> Option<usize> {
    let texts: Vec<String> = lines.items().filter_map(|line| Some(line.str()?.into_owned())).collect();
    let whole = texts.concat();
    let at = match Doc::parse(whole.as_bytes()) {
        Ok(doc) => nearest(doc.root(), pointer).span().start,
        Err(error) => error.offset,
    };
    let ends = texts.iter().scan(0, |end, line| {
        *end += line.len();
        Some(*end)
    });
    let index = ends.take_while(|end| *end <= at).count().min(texts.len().saturating_sub(1));
    Some(lines.items().nth(index)?.span().start)
}

/// The value a pointer names, or the innermost value on the way to it.
fn nearest<'d>(root: Node<'d>, pointer: &str) -> Node<'d> {
    let mut node = root;
    for step in pointer.split('/').skip(1) {
        match node.step(step) {
            Some(next) => node = next,
            None => break,
        }
    }
    node
}

#[cfg(test)]
mod tests {
    use super::*;

    const FILE: &str = r#"{
  "records": [
    {
      "kind": "mark", "at_position": 0, "text": "one"
    },
    {
      "kind": "http",
      "request": {
        "target": "/a",
        "headers": [
          ["Accept", "x"],
          ["ETag", "x"]
        ],
        "body": {
          "json": {
            "members": {
              "a/b": [
                1,
                {"c": 2}
              ]
            }
          }
        }
      },
      "response": {
        "status": 200,
        "headers": [],
        "body": {
          "text": [
            "{\n",
            " \"a\": 1,\n",
            " \"b\":\n",
            "  2}"
          ]
        }
      }
    },
    {"kind": "frame", "body": {
      "b64": "AA=="}}
  ]
}
"#;

    /// What stands on the line of a place in the record that starts on a line like this.
    fn shown(start: &str, place: &Place) -> &'static str {
        let start = FILE.lines().collect::<Vec<_>>().iter().rposition(|line| *line == start).unwrap() + 1;
        let line = Passages::new(FILE.as_bytes()).record(start).unwrap().line(place);
        FILE.lines().nth(line - 1).unwrap().trim()
    }

    #[test]
    fn a_place_is_on_the_line_of_its_value() {
        let body = |pointer: &str| Place::Body(pointer.to_owned());
        let answer = |pointer: &str| Place::AnswerBody(pointer.to_owned());
        let cases = [
            (Place::Target, "\"target\": \"/a\","),
            (Place::Header("etag".to_owned()), "[\"ETag\", \"x\"]"),
            (Place::Header("if-match".to_owned()), "\"headers\": ["),
            (body(""), "\"json\": {"),
            (body("/members/a~1b/1/c"), "{\"c\": 2}"),
            (body("/members/a~1b/0/gone"), "1,"),
            (body("/gone/x"), "\"json\": {"),
            (Place::Status, "\"status\": 200,"),
            (Place::AnswerHeader("etag".to_owned()), "\"headers\": [],"),
            (answer("/a"), "\" \\\"a\\\": 1,\\n\","),
            (answer("/b"), "\"  2}\""),
            (answer("/gone"), "\"{\\n\","),
        ];
        for (place, line) in cases {
            assert_eq!(shown("    {", &place), line, "{place}");
        }
        assert_eq!(
            shown("    {\"kind\": \"frame\", \"body\": {", &Place::Message("/1".to_owned())),
            "{\"kind\": \"frame\", \"body\": {"
        );
    }

    #[test]
    fn what_is_no_json_is_on_the_line_where_it_ends_to_be() {
        let text = "{\n\"kind\":\"http\",\"request\":{\"body\":{\"text\":[\n\"{\\n\",\n\"x}\"\n]}}}";
        let passage = Passages::new(text.as_bytes()).record(1).unwrap();
        assert_eq!(passage.line(&Place::Body(String::new())), 4);
    }

    #[test]
    fn records_are_found_in_order_and_only_where_they_start() {
        let mut passages = Passages::new(FILE.as_bytes());
        assert!(passages.record(2).is_none());
        assert_eq!(passages.record(3).unwrap().line(&Place::Target), 3);
        assert!(passages.record(5).is_none() && passages.record(6).is_some() && passages.record(6).is_some());
        assert!(passages.record(3).is_none(), "it has gone by");
        assert!(passages.record(1000).is_none());
        for text in ["", "{", "\u{feff}{}", "{\"a\":\u{1}}"] {
            assert!(Passages::new(text.as_bytes()).record(1).is_none(), "{text:?}");
        }
    }
}
