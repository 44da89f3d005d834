//! A title's own fields: what may differ, and what its clients make up.

use super::*;

fn field(op: Op, spot: Spot) -> Field {
    Field { op: Some(op), spot }
}

fn body(pointer: &str) -> Spot {
    Spot::pointer(pointer).unwrap()
}

impl Script {
    fn titled(self, fields: Fields) -> Player {
        let tape = Tape::titled(&self.aliases, self.recorded, Vec::new(), fields);
        Player::new(tape, Options { repeat: 2, ..Options::default() })
    }
}

#[test]
fn a_volatile_field_may_differ_and_may_be_absent() {
    let member = |custom: &str| {
        format!(
            r#"{{"members":{{"me":{{"properties":{{"custom":{custom}}}}}}},"properties":{{"custom":{{"ping":1}}}}}}"#
        )
    };
    let player = || {
        let script =
            Script::default().then("host", put("1", &member(r#"{"ping":[1,{"a":2}],"seat":1}"#)), 201, None, "{}");
        let volatile = vec![field(Op::SessionPut, body("/members/*/properties/custom/ping"))];
        script.titled(Fields { volatile, ..Fields::default() })
    };
    for custom in [r#"{"ping":7,"seat":1}"#, r#"{"seat":1}"#, r#"{"ping":[1,{"a":3}],"seat":1}"#] {
        assert_eq!(play(&player(), put("9", &member(custom))).1, Played::Hit(1), "{custom}");
    }
    let place = |request| match play(&player(), request).1 {
        Played::Miss(miss) => miss.nearest[0].differences[0].place.clone(),
        other => panic!("{other:?}"),
    };
    assert_eq!(place(put("9", &member(r#"{"ping":1,"seat":2}"#))), "body /members/me/properties/custom/seat");
    let elsewhere = member(r#"{"ping":1,"seat":1}"#).replace(r#"{"ping":1}}}"#, r#"{"ping":2}}}"#);
    assert_eq!(place(put("9", &elsewhere)), "body /properties/custom/ping");
}

#[test]
fn a_field_left_out_of_the_recording_may_come_when_it_is_volatile() {
    let volatile = vec![field(Op::SessionPut, body("/properties/custom/ping"))];
    let script = Script::default().then("host", put("1", r#"{"properties":{"custom":{}}}"#), 201, None, "{}");
    let player = script.titled(Fields { volatile, ..Fields::default() });
    assert_eq!(play(&player, put("9", r#"{"properties":{"custom":{"ping":3}}}"#)).1, Played::Hit(1));
}

#[test]
fn volatile_headers_and_query_parameters_are_not_compared() {
    let asked = |query: &str, scope: &str| {
        request("1", "GET", &format!("{}?{query}", session("s")), &[("x-xbl-deny-scope", scope)], "")
    };
    let fields = |op| Fields {
        volatile: vec![field(op, Spot::Query("take".into())), field(op, Spot::Header("x-xbl-deny-scope".into()))],
        ..Fields::default()
    };
    let script = || Script::default().then("host", asked("take=1&x=1", "a"), 200, None, "{}");
    let player = script().titled(fields(Op::SessionGet));
    assert_eq!(play(&player, asked("x=1", "b")).1, Played::Hit(1));
    let other = script().titled(fields(Op::SessionPut));
    assert!(matches!(play(&other, asked("x=1", "a")).1, Played::Miss(_)));
}

#[test]
fn a_bound_field_is_the_clients_own_in_the_answer_too() {
    let join = |code: &str| format!(r#"{{"members":{{"me":{{"properties":{{"custom":{{"code":"{code}"}}}}}}}}}}"#);
    let answer = r#"{"members":{"0":{"properties":{"custom":{"code":"ABC","rank":"ABC"}}}}}"#;
    let player = || {
        let bound = vec![(field(Op::SessionPut, body("/members/me/properties/custom/code")), Class::Session)];
        let script = Script::default().then("host", put("1", &join("ABC")), 201, None, answer);
        let script = script.then("host", put("1", &join("ABC")), 200, None, answer);
        script.titled(Fields { bound, ..Fields::default() })
    };
    let live = player();
    let (response, played) = play(&live, put("9", &join("X-7")));
    assert_eq!(played, Played::Bound(1));
    let text = String::from_utf8(response.body.decoded().unwrap().to_vec()).unwrap();
    assert_eq!(text, answer.replacen("ABC", "X-7", 1));
    let (_, played) = play(&live, put("9", &join("X-8")));
    let Played::Miss(miss) = played else { panic!("{played:?}") };
    let difference = &miss.nearest[0].differences[0];
    assert_eq!((difference.place.as_str(), difference.conflict), ("body /members/me/properties/custom/code", true));
    assert!(miss.paste.is_empty(), "two places that must agree are no field that may differ");
    assert_eq!(play(&live, put("9", &join("X-7"))).1, Played::Bound(2));
}

#[test]
fn a_miss_gives_the_lines_that_let_it_be() {
    let write = |map: &str, nonce: &str| {
        format!(r#"{{"properties":{{"custom":{{"map":"{map}","a/b":1,"by":{{"{nonce}":{{"n":1}}}}}}}}}}"#)
    };
    let aliases = [("xuid".to_owned(), vec!["9000000000000001".to_owned()])].into();
    let script = Script { aliases, recorded: Vec::new() };
    let player = script.then("host", put("1", &write("harbour", "9000000000000001")), 201, None, "{}").player();
    let missed = |body: &str| match play(&player, put("9", body)).1 {
        Played::Miss(miss) => miss,
        other => panic!("{other:?}"),
    };
    let miss = missed(&write("castle", "9000000000000001"));
    assert_eq!(miss.paste, ["[[volatile]]\nop = \"session.put\"\npointer = \"/properties/custom/map\""]);
    let miss = missed(&write("harbour", "9000000000000001").replace("\"n\":1", "\"n\":2").replace("b\":1", "b\":2"));
    let pointers: Vec<_> = miss.paste.iter().map(|table| table.lines().last().unwrap()).collect();
    assert_eq!(pointers, ["pointer = \"/properties/custom/a~1b\"", "pointer = \"/properties/custom/by/*/n\""]);
    assert!(missed(r#"{"properties":{"custom":{"x":1,"y":2}}}"#).paste.is_empty(), "that is another call");
}
