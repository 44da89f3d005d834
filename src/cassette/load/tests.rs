use proptest::prelude::*;

use super::*;
use crate::cassette::sample::{self, NAMES};
use crate::cassette::{Mark, seal::seal};

fn parse(bytes: &[u8]) -> Result<Cassette, CassetteError> {
    Cassette::parse(Path::new("x.cassette"), bytes)
}

fn journal_bytes() -> Vec<u8> {
    sample::journal(&NAMES).concat()
}

fn sealed_text() -> String {
    String::from_utf8(seal(&parse(&journal_bytes()).unwrap()).unwrap()).unwrap()
}

fn line(json: &str) -> Vec<u8> {
    let crc = crc32fast::hash(&json.as_bytes()[1..]);
    format!("{{\"crc\":\"{crc:08x}\",{}\n", &json[1..]).into_bytes()
}

#[test]
fn a_journal_comes_back_as_it_was_written() {
    let cassette = parse(&journal_bytes()).unwrap();
    assert_eq!(cassette.head, Head::current());
    assert_eq!(cassette.lanes, NAMES.lanes);
    assert_eq!(cassette.aliases["xuid"], NAMES.xuids);
    assert_eq!((cassette.seal, cassette.lost()), (Seal::Unsealed, 0));
    let lines: Vec<usize> = cassette.entries.iter().map(|entry| entry.line).collect();
    assert_eq!(lines, [7, 8, 9, 10]);
    let first = cassette.exchanges().next().unwrap();
    assert_eq!((first.asked, first.answered, first.timing), (1, 2, Some(Timing { at: 101, took: 1 })));
    assert_eq!(first.response().body.wire().as_ref(), br#"{"xuid":"9000000000000002","n":1.50}"#);
    assert!(matches!(&cassette.entries[2].record, Record::Mark(Mark { at_position: 5, .. })));
}

#[test]
fn a_journal_torn_anywhere_keeps_every_line_before() {
    let lines = sample::journal(&NAMES);
    let bytes = lines.concat();
    let whole = |end: usize| {
        let mut at = 0;
        lines
            .iter()
            .take_while(|line| {
                at += line.len();
                at <= end + 1
            })
            .count()
    };
    let start = lines[..lines.len() - 3].concat().len();
    for end in start..=bytes.len() {
        let cassette = parse(&bytes[..end]).unwrap();
        let expected = whole(end).saturating_sub(6);
        assert_eq!(cassette.entries.len(), expected, "cut at {end}");
        let inside = end > start && bytes[end - 1] != b'\n' && bytes[end] != b'\n';
        assert_eq!(cassette.lost(), usize::from(inside), "cut at {end}");
    }
    for end in 0..start {
        let _ = parse(&bytes[..end]);
    }
}

#[test]
fn a_damaged_line_costs_itself_only() {
    let mut lines = sample::journal(&NAMES);
    lines[7][40] ^= 4;
    let cassette = parse(&lines.concat()).unwrap();
    assert_eq!(cassette.entries.len(), 3);
    assert_eq!(cassette.notes, [Note::at(8, Notice::Lost(LineFault::Crc))]);
    lines[0][2] ^= 1;
    assert_eq!(parse(&lines.concat()).unwrap().lost(), 2);
}

#[test]
fn line_ends_and_a_byte_order_mark_do_no_harm() {
    let dress = |text: &str| format!("\u{feff}{}", text.replace('\n', "\r\n")).into_bytes();
    let journal = parse(&dress(&String::from_utf8(journal_bytes()).unwrap())).unwrap();
    assert_eq!((journal.entries.len(), journal.lost()), (4, 0));
    let sealed = parse(&dress(&sealed_text())).unwrap();
    assert_eq!((sealed.entries.len(), sealed.seal), (4, Seal::Sealed));
}

#[test]
fn an_edit_breaks_the_seal_and_white_space_does_not() {
    let text = sealed_text();
    let sealed = parse(text.as_bytes()).unwrap();
    assert_eq!(sealed.seal, Seal::Sealed);
    assert_eq!(sealed.exchanges().map(|http| http.timing.unwrap().at).collect::<Vec<_>>(), [101, 104, 103]);
    assert_eq!(text.lines().nth(sealed.entries[0].line - 1), Some("    {"));
    let seal_of = |text: &str| parse(text.as_bytes()).unwrap().seal;
    assert_eq!(seal_of(&text.replace("\n        ", "\n\t")), Seal::Sealed);
    assert_eq!(seal_of(&text.replace("1.50", "1.5")), Seal::Edited);
    assert_eq!(seal_of(&text.replace("player2", "guest")), Seal::Edited);
    assert_eq!(seal_of(&text.replace("[101, 1]", "[7, 7]")), Seal::Sealed);
    assert_eq!(seal_of(&text.replace("\"seal\": \"sha", "\"seal\": \"sh")), Seal::Edited);
}

#[test]
fn a_record_is_measured_without_its_layout() {
    let wide = format!("    {{{}\n", " ".repeat(MAX_LINE));
    let padded = sealed_text().replacen("    {\n", &wide, 1);
    assert_eq!(parse(padded.as_bytes()).unwrap().seal, Seal::Sealed);
    let long = sealed_text().replacen("\"op\": \"", &format!("\"op\": \"{}", "x".repeat(MAX_LINE)), 1);
    assert!(parse(long.as_bytes()).unwrap_err().to_string().contains("more than a line can have"));
}

#[test]
fn a_file_that_would_fill_the_memory_is_refused_unread() {
    let dense = format!("{{\"records\":{}", "[".repeat(MAX_VALUES));
    assert!(matches!(parse(dense.as_bytes()), Err(CassetteError::TooManyValues { .. })));
    let large = " ".repeat(usize::try_from(MAX_SEALED).unwrap()) + "{}";
    let error = parse(large.as_bytes()).unwrap_err().to_string();
    assert_eq!(error, "x.cassette is larger than 256 MiB, the most of a sealed file that is read into memory");
}

#[test]
fn newer_minors_load_and_newer_majors_do_not() {
    let text = sealed_text();
    assert_eq!(parse(text.replace("\"1.0\"", "\"1.9\"").as_bytes()).unwrap().seal, Seal::Edited);
    let error = parse(text.replace("\"1.0\"", "\"2.0\"").as_bytes()).unwrap_err();
    assert!(error.to_string().contains("format 2.0 is newer") && error.hint().contains("update tapdeck"), "{error}");
    let head = line(r#"{"kind":"head","format":"3.1","tool":"x"}"#);
    assert!(matches!(parse(&head), Err(CassetteError::Newer { .. })));
    assert!(matches!(parse(text.replace("\"1.0\"", "\"one\"").as_bytes()), Err(CassetteError::Missing { .. })));
}

#[test]
fn unknown_kinds_and_keys_are_passed_over() {
    let mut bytes = journal_bytes();
    bytes.extend(line(r#"{"kind":"picture","lane":"lane-7","data":"x"}"#));
    bytes.extend(line(r#"{"kind":"lane","name":"lane-9","colour":[1,{"a":2}]}"#));
    let cassette = parse(&bytes).unwrap();
    assert_eq!(cassette.notes, [Note::at(11, Notice::UnknownKind("picture".into()))]);
    assert_eq!(cassette.lanes.len(), 3);
    assert!(seal(&cassette).is_err());
    let text = sealed_text().replace("\"kind\": \"mark\"", "\"kind\": \"socket\"");
    let cassette = parse(text.as_bytes()).unwrap();
    assert_eq!((cassette.entries.len(), cassette.notes.len()), (3, 2));
}

#[test]
fn errors_name_the_line_and_the_way_out() {
    let text = sealed_text();
    let message = |text: &str| parse(text.as_bytes()).unwrap_err().to_string();
    let broken = message(&text.replacen("\"status\": 201", "\"status\": \"hush\"", 1));
    assert!(
        broken.starts_with("x.cassette:") && broken.contains("expected u16") && !broken.contains("hush"),
        "{broken}"
    );
    assert!(message(&text.replacen("\"op\"", "\"operation\"", 1)).contains("missing field `op`"));
    assert!(message(&text.replacen("\"answered\": 2", "\"answered\": 1", 1)).contains("must be greater"));
    assert!(message(&text.replacen("\"status\": 201", "\"status\": 20", 1)).contains("three digits"));
    assert!(message(&text.replacen("\"records\"", "\"tracks\"", 1)).contains("no `records`"));
    assert!(message(&text.replacen("    {\n", "<<<<<<< HEAD\n", 1)).contains("conflict markers"));
    assert!(message("").contains("empty"));
    assert!(message("GIF89a").contains("x.cassette:1: not JSON"));
    assert!(message("{\"crc\":\"").contains("no whole line"));
}

#[test]
fn a_timing_array_that_does_not_fit_is_ignored() {
    let cassette = parse(sealed_text().replacen(",\n    null\n", "\n", 1).as_bytes()).unwrap();
    assert_eq!(cassette.seal, Seal::Sealed);
    assert!(matches!(cassette.notes[..], [Note { what: Notice::Timing, .. }]));
    assert!(cassette.exchanges().all(|http| http.timing.is_none()));
}

#[test]
fn a_missing_file_is_named() {
    let error = Cassette::read(Path::new("no/such.cassette.json")).unwrap_err();
    assert!(error.to_string().starts_with("cannot read no/such.cassette.json: "), "{error}");
}

proptest! {
    #[test]
    fn no_byte_anywhere_makes_it_panic(at in any::<prop::sample::Index>(), byte: u8, sealed: bool) {
        let mut bytes = if sealed { sealed_text().into_bytes() } else { journal_bytes() };
        let at = at.index(bytes.len());
        bytes[at] = byte;
        let _ = parse(&bytes);
    }

    #[test]
    fn no_line_makes_it_panic(json in r#"\{("kind":"(head|lane|alias|http|mark)",?)?("[a-z]{1,6}":[0-9\[\]{}"a-z:,]{0,9},?){0,4}\}"#) {
        let _ = parse(&line(&json));
    }
}

#[test]
fn messages_that_cannot_be_are_refused_and_sockets_nobody_opened_are_told() {
    let frame = |fields: &str| line(&format!(r#"{{"kind":"frame","lane":"lane-7","from":"service",{fields}}}"#));
    let mut bytes = journal_bytes();
    for fields in [
        r#""socket":9,"at":9,"opcode":"text""#,
        r#""socket":0,"at":9,"opcode":"text""#,
        r#""socket":1,"at":9,"opcode":"text","reserved":8"#,
        r#""socket":1,"at":9,"opcode":"text","code":1000"#,
        r#""socket":1,"at":9,"opcode":"text","fragments":[18446744073709551615,3],"body":{"text":["ab"]}"#,
        r#""socket":1,"at":9,"opcode":"opcode-16""#,
        r#""socket":1,"at":9,"opcode":"text","cue":{"maybe":4}"#,
    ] {
        bytes.extend(frame(fields));
    }
    let cassette = parse(&bytes).unwrap();
    assert_eq!((cassette.entries.len(), cassette.lost()), (4, 7));
    let mut bytes = journal_bytes();
    bytes.extend(frame(r#""socket":7,"at":9,"opcode":"text","cue":{"caused-by":18446744073709551615}"#));
    bytes.extend(frame(r#""socket":7,"at":10,"opcode":"broken""#));
    let cassette = parse(&bytes).unwrap();
    assert_eq!(cassette.notes, [Note::at(11, Notice::NoOpening(7))]);
    assert_eq!(cassette.contents(), "3 exchanges, 2 lanes, 2 messages on 1 socket");
}
