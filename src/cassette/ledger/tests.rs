use super::*;
use crate::cassette::sample::scene::{Scene, call, session, tap};
use crate::cassette::sample::{self, NAMES};
use crate::cassette::seal::{canonical, seal, text};
use crate::cassette::{LineBody, Mark, Notice, part_path};

/// A file of its own.
fn file(name: &str, bytes: &[u8]) -> (tempfile::TempDir, PathBuf) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join(name);
    fs::write(&path, bytes).unwrap();
    (folder, path)
}

fn open(path: &Path) -> Ledger {
    Ledger::open(path, &mut |_| {}).unwrap()
}

fn sealed(ledger: &mut Ledger) -> Vec<u8> {
    let (_folder, path) = file("out", b"");
    ledger.seal_to(&path, &mut |_| {}, |_| Ok::<(), SealError>(())).unwrap();
    fs::read(&path).unwrap()
}

/// A journal with two sockets that hear of each other's writes.
fn journal_with_sockets() -> Vec<u8> {
    let mut scene = Scene::default();
    let (one, two) = (scene.open("lane-1"), scene.open("guest"));
    scene.subscribes(one, 1, "aaaaaaaa-0000-4000-8000-000000000001");
    scene.subscribes(two, 1, "aaaaaaaa-0000-4000-8000-000000000002");
    for n in 1..20 {
        scene.shows("lane-1", &call("1", "PUT", &session("Room"), "{}"), n);
        scene.told(two, &tap(0, "Room", n, "s"));
        scene.shows("guest", &call("2", "GET", &session("Room"), ""), n);
    }
    let mut lines = Vec::new();
    LineBody::head(None, 1).write(None, &mut lines);
    for record in &scene.records {
        match record {
            Record::Http(http) => LineBody::http(http).write(Some(http.answered), &mut lines),
            Record::Frame(frame) => LineBody::frame(frame).write(None, &mut lines),
            Record::Mark(mark) => LineBody::mark(mark).write(None, &mut lines),
        }
    }
    lines
}

#[test]
fn what_is_read_record_by_record_is_sealed_to_the_same_bytes() {
    for journal in [sample::journal(&NAMES).concat(), journal_with_sockets()] {
        let (_folder, path) = file("a.cassette.jsonl", &journal);
        let whole = Cassette::parse(&path, &journal).unwrap();
        let mut ledger = open(&path);
        assert_eq!((ledger.contents(), &ledger.lanes), (whole.contents(), &whole.lanes));
        let bytes = sealed(&mut ledger);
        assert_eq!(String::from_utf8(bytes.clone()).unwrap(), String::from_utf8(seal(&whole).unwrap()).unwrap());

        let order = canonical(&whole).unwrap();
        let mut read = ledger.canonical(&mut |_| {}).unwrap();
        let lines: Vec<(usize, Vec<u8>)> = (0..read.records())
            .map(|nth| read.entry(nth).unwrap())
            .map(|entry| (entry.line, text(&entry.record)))
            .collect();
        let expected: Vec<_> = order.entries.iter().map(|entry| (entry.line, text(&entry.record))).collect();
        assert_eq!(lines, expected);

        // The sealed file is read in the same way, when it must be.
        let (_folder, path) = file("a.cassette.json", &bytes);
        let mut again = Index::of_sealed(&path, &mut |_| {}).unwrap().ledger(&path);
        assert_eq!((again.seal, again.notes.len(), again.contents()), (Seal::Sealed, 0, whole.contents()));
        assert_eq!(sealed(&mut again), bytes);
        let parsed = Cassette::parse(&path, &bytes).unwrap();
        for (index, entry) in parsed.entries.iter().enumerate() {
            let other = again.entry(index).unwrap();
            assert_eq!((other.line, text(&other.record)), (entry.line, text(&entry.record)));
        }
    }
}

#[test]
fn checkouts_and_edits_of_sealed_files_are_told_apart() {
    let text = String::from_utf8(seal(&sample::cassette()).unwrap()).unwrap();
    let read = |text: &str| {
        let (_folder, path) = file("a.cassette.json", text.as_bytes());
        Index::of_sealed(&path, &mut |_| {}).map(|index| index.ledger(&path))
    };
    assert_eq!(read(&format!("\u{feff}{}", text.replace('\n', "\r\n"))).unwrap().seal, Seal::Sealed);
    assert_eq!(read(&text.replace("404", "410")).unwrap().seal, Seal::Edited);
    let cut = &text[..text.len() / 2];
    for broken in
        [text.replace("\n    {", "\n   {"), cut.to_owned(), text.replace("  \"records\": [", "\"records\": [")]
    {
        let error = read(&broken).unwrap_err();
        assert!(matches!(error, CassetteError::Layout { .. } | CassetteError::NotJson { .. }), "{error}");
    }
    let error = read(&text.replace("\"asked\": 1,", "\"asked\": 0,")).unwrap_err();
    assert!(error.to_string().contains("cassette.json:") && error.to_string().contains("`asked`"), "{error}");
}

#[test]
fn what_is_polished_is_sealed_as_it_was_polished() {
    let (_folder, path) = file("a.cassette.jsonl", &sample::journal(&NAMES).concat());
    let polish = |record: &Record| match record {
        Record::Mark(mark) => Some(Record::Mark(Mark { text: "polished".into(), ..mark.clone() })),
        Record::Http(_) | Record::Frame(_) => None,
    };
    let mut ledger = Ledger::polished(&path, &polish, &mut |_| {}).unwrap();
    let text = String::from_utf8(sealed(&mut ledger)).unwrap();
    assert!(text.contains("\"text\": \"polished\"") && !text.contains("the host left"), "{text}");
}

#[test]
fn damage_is_noted_with_its_part_and_line() {
    let folder = tempfile::tempdir().unwrap();
    let first = folder.path().join("a.cassette.jsonl");
    let lines = sample::journal(&NAMES);
    let part = |part: u32, records: &[Vec<u8>]| {
        let mut text = Vec::new();
        LineBody::head(None, part).write(None, &mut text);
        text.extend(records.concat());
        fs::write(part_path(&first, part), text).unwrap();
    };
    let mut cut = lines[7].clone();
    cut.truncate(cut.len() - 4);
    part(1, &[lines[1..7].concat(), cut.clone()]);
    part(3, &lines[7..8]);
    let mut torn = lines[8].clone();
    torn.truncate(torn.len() - 4);
    let last = torn.len();
    part(4, &[lines[9..].concat(), torn]);
    for (notes, exchanges, count) in [
        (open(&first).notes, open(&first).exchanges(), open(&first).parts.len()),
        (Cassette::read(&first).unwrap().notes, Cassette::read(&first).unwrap().exchanges().count(), 3),
    ] {
        let told: Vec<String> = notes.iter().map(Note::to_string).collect();
        // Only what comes last can have been torn by a crash.
        assert_eq!(
            told,
            [
                format!(
                    "a.cassette.jsonl, line 8: left out: it breaks off after {} bytes, and more of the recording follows in the \
                     next part",
                    cut.len()
                ),
                "a.3.cassette.jsonl, line 1: here part 2 of the recording is missing".to_owned(),
                format!("a.4.cassette.jsonl, line {}: torn after {last} bytes, left out", lines.len() - 7),
            ]
        );
        assert!(notes[0].what.is_loss() && !notes[2].what.is_loss());
        assert_eq!((exchanges, count), (3, 3));
    }
    let long = [b"{\"crc\":\"00000000\",".as_slice(), &vec![b' '; line::MAX_LINE], b"\n"].concat();
    let (_folder, path) = file("long.cassette.jsonl", &[lines[0].clone(), long.clone(), lines[1].clone()].concat());
    let notes = open(&path).notes;
    assert_eq!(notes, [Note::at(2, Notice::Lost(line::LineFault::TooLong(long.len())))]);
}
