//! Live values in every place the recorded ones stand: the same letter case, and the escapes that the place needs.

use super::*;
use crate::mpsd::target::percent_encode;

/// What one client is and makes up.
struct Own {
    xuid: &'static str,
    guid: &'static str,
    name: &'static str,
}

const RECORDED: Own =
    Own { xuid: "9000000000000001", guid: "8F14E45F-CEEA-467F-A0E6-1B1A3C2D4E5F", name: "Lobby \"A\"" };
const LIVE: Own =
    Own { xuid: "2814000000000009", guid: "0D3A9C70-1111-4222-8333-ABCDEFABCDEF", name: "fresh/\\\"Ü%41" };

/// A document with one place of each kind.
type Row = fn(&Own) -> String;

const ROWS: [(&str, Row); 10] = [
    ("a value", |own| format!(r#"{{"a":["pending~{}"]}}"#, own.xuid)),
    ("a number", |own| format!(r#"{{"a":{}}}"#, own.xuid)),
    ("a key", |own| format!(r#"{{"{}":{{"{}":1}}}}"#, own.xuid, own.guid)),
    ("capitals", |own| format!(r#"{{"a":"{}"}}"#, own.guid)),
    ("small letters", |own| format!(r#"{{"a":"{}"}}"#, own.guid.to_lowercase())),
    ("two side by side", |own| format!(r#"{{"a":"{}-{}"}}"#, own.guid, own.guid.to_lowercase())),
    ("a name", |own| format!(r#"{{"sessionName":{}}}"#, quoted(own.name))),
    ("JSON in a text", |own| format!(r#"{{"a":{}}}"#, quoted(&inner(own)))),
    ("JSON in JSON in a text", |own| format!(r#"{{"a":{}}}"#, quoted(&format!(r#"[{}]"#, quoted(&inner(own)))))),
    ("a URL in a text", |own| format!(r#"{{"a":"https://x/?u=%7B{}%7D&g={}%20"}}"#, own.xuid, own.guid)),
];

fn inner(own: &Own) -> String {
    format!(r#"{{"who":"xuid({})","sessionName":{}}}"#, own.xuid, quoted(own.name))
}

fn quoted(text: &str) -> String {
    serde_json::to_string(text).unwrap()
}

fn join(own: &Own) -> Request {
    let Own { xuid, guid, name } = own;
    let me = format!(
        r#"{{"constants":{{"system":{{"xuid":"{xuid}"}}}},"properties":{{"system":{{"subscription":{{"id":"{guid}"}}}}}}}}"#
    );
    let body = format!(r#"{{"members":{{"me":{me}}}}}"#);
    request("1", "PUT", &session(&percent_encode(name)), &[], &body)
}

fn write(own: &Own, row: Row) -> Request {
    let body = format!(r#"{{"properties":{{"custom":{}}}}}"#, row(own));
    request("1", "PUT", &session(&percent_encode(own.name)), &[], &body)
}

fn player() -> Player {
    let mut script = Script::default().then("host", join(&RECORDED), 201, Some(("e1", 1)), "0");
    script.aliases.insert("xuid".into(), vec![RECORDED.xuid.to_owned()]);
    ROWS.iter()
        .fold(script, |script, (_, row)| script.then("host", write(&RECORDED, *row), 200, None, &row(&RECORDED)))
        .player()
}

#[test]
fn every_place_takes_and_shows_live_values() {
    let player = player();
    assert_eq!(play(&player, join(&LIVE)).1, Played::Hit(1));
    for (at, (place, row)) in ROWS.iter().enumerate() {
        let (response, played) = play(&player, write(&LIVE, *row));
        assert_eq!(played, Played::Bound(at + 2), "{place}");
        assert_eq!(std::str::from_utf8(response.body.wire()).unwrap(), row(&LIVE), "{place}");
    }
}

#[test]
fn no_place_takes_another_value_once_it_is_known() {
    let stranger = Own { xuid: "2814000000000003", guid: "17A13F76-1BA5-44A5-92C9-5C22196DDBC4", name: LIVE.name };
    let nowhere = Own { name: "elsewhere", ..LIVE };
    for (at, (place, row)) in ROWS.iter().enumerate() {
        for wrong in [&stranger, &RECORDED, &nowhere] {
            let player = player();
            play(&player, join(&LIVE));
            ROWS[..at].iter().for_each(|(_, row)| drop(play(&player, write(&LIVE, *row))));
            let asked = Request { body: write(wrong, *row).body, ..write(&LIVE, *row) };
            let is_same = row(wrong) == row(&LIVE);
            assert_eq!(reason(&play(&player, asked).1).is_none(), is_same, "{place}: {}", row(wrong));
        }
    }
}

#[test]
fn keys_without_order_find_their_values() {
    const RECORDED: [&str; 2] = ["9000000000000001", "9000000000000002"];
    let teams = |one: &str, two: &str| format!(r#"{{"properties":{{"custom":{{"{one}":"red","{two}":"blue"}}}}}}"#);
    let mut script = Script::default().then("host", put("1", &teams(RECORDED[0], RECORDED[1])), 200, None, "{}").then(
        "host",
        get("1"),
        200,
        None,
        &format!(r#"{{"red":"{}"}}"#, RECORDED[0]),
    );
    script.aliases.insert("xuid".into(), RECORDED.map(str::to_owned).to_vec());
    let player = script.player();
    let swapped = r#"{"properties":{"custom":{"2814000000000002":"blue","2814000000000001":"red"}}}"#;
    assert_eq!(reason(&play(&player, put("7", swapped)).1), None);
    let red = play(&player, get("7")).0;
    assert_eq!(red.body.wire().as_ref(), br#"{"red":"2814000000000001"}"#);
}
