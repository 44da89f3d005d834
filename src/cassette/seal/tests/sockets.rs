//! Sockets in sealed files.

use proptest::prelude::*;

use super::read;
use crate::cassette::sample::scene::{Scene, call, session, tap, version};
use crate::cassette::seal::seal;
use crate::cassette::{Cassette, Cue, FrameRecord, Record, Seal, What};
use crate::socket::{Message, Opcode, Sender};

/// Three clients that each get a tap for each of two writes. `order` is in which order the taps are read, and `journal`
/// in which order they are written down.
fn taps(order: [usize; 3], journal: [usize; 3]) -> Cassette {
    let mut scene = Scene::default();
    let sockets = ["lane-1", "lane-2", "lane-3"].map(|lane| scene.open(lane));
    for (at, socket) in sockets.iter().enumerate() {
        scene.subscribes(*socket, 1, &format!("c0000000-0000-4000-8000-00000000000{at}"));
    }
    for number in 1..3 {
        let write = call("lane-1", "PUT", &session("Room"), &format!(r#"{{"n":{number}}}"#));
        scene.shows("lane-1", &write, number);
        let ats = order.map(|place| scene.position + 1 + u64::try_from(place).unwrap());
        scene.position += 3;
        for place in journal {
            let text = tap(0, "room", number, &format!("s{place}"));
            scene.frame(sockets[place], Sender::Service, ats[place], What::of(&Message::text(text)));
        }
    }
    scene.cassette()
}

#[test]
fn the_seal_does_not_depend_on_whose_tap_was_read_or_written_first() {
    let text = seal(&taps([0, 1, 2], [0, 1, 2])).unwrap();
    for order in [[0, 2, 1], [1, 0, 2], [1, 2, 0], [2, 0, 1], [2, 1, 0]] {
        for journal in [[0, 1, 2], [2, 0, 1], [1, 2, 0], [2, 1, 0]] {
            let other = seal(&taps(order, journal)).unwrap();
            assert_eq!(String::from_utf8(other).unwrap(), String::from_utf8(text.clone()).unwrap());
        }
    }
    let again = read(&text);
    assert_eq!((again.seal, seal(&again).unwrap()), (Seal::Sealed, text));
}

#[test]
fn calls_and_clients_count_and_the_service_stands_behind_its_cue() {
    let again = read(&seal(&taps([2, 0, 1], [0, 1, 2])).unwrap());
    let frames: Vec<&FrameRecord> = again.entries.iter().filter_map(|entry| entry.record.frame()).collect();
    let story: Vec<_> = frames.iter().map(|frame| (frame.lane.as_str(), frame.socket, frame.at, frame.cue)).collect();
    let (heard, caused) = (|at| Some(Cue::Answers(at)), |at| Some(Cue::CausedBy(at)));
    assert_eq!(
        story,
        [
            ("player1", 1, 7, None),
            ("player1", 1, 7, heard(7)),
            ("player2", 3, 8, None),
            ("player2", 3, 8, heard(8)),
            ("player3", 5, 9, None),
            ("player3", 5, 9, heard(9)),
            ("player1", 1, 11, caused(11)),
            ("player2", 3, 11, caused(11)),
            ("player3", 5, 11, caused(11)),
            ("player1", 1, 13, caused(13)),
            ("player2", 3, 13, caused(13)),
            ("player3", 5, 13, caused(13)),
        ]
    );
    let puts: Vec<_> = again.exchanges().skip(3).map(|http| (http.asked, http.answered)).collect();
    assert_eq!(puts, [(10, 11), (12, 13)]);
}

/// Four clients that all subscribe, then all write, then all go, in some order each time; everybody asks before anybody
/// is answered.
fn at_once([said, asked, answered, gone]: [[usize; 4]; 4]) -> Cassette {
    let mut scene = Scene::default();
    let sockets = ["a", "b", "c", "d"].map(|lane| scene.open(lane));
    for at in said {
        scene.subscribes(sockets[at], 1, &format!("c0000000-0000-4000-8000-00000000000{at}"));
    }
    let start = scene.position;
    scene.position += 8;
    for (nth, at) in (1..).zip(asked) {
        let lane = ["a", "b", "c", "d"][at];
        let end = start + 5 + u64::try_from(answered.iter().position(|other| *other == at).unwrap()).unwrap();
        let write = call(lane, "PUT", &session(lane), "{}");
        scene.call_at((start + nth, end), lane, &write, 200, &version(1));
    }
    for at in gone {
        scene.message(sockets[at], Sender::Client, &Message::close(1000));
        scene.message(sockets[at], Sender::Service, &Message::close(1000));
    }
    scene.cassette()
}

#[test]
fn what_all_do_at_once_is_told_lane_by_lane() {
    let (first, last) = ([0, 1, 2, 3], [3, 2, 1, 0]);
    let text = seal(&at_once([first; 4])).unwrap();
    for orders in [[last; 4], [[2, 0, 3, 1], last, first, [1, 3, 0, 2]], [first, [1, 0, 3, 2], [2, 3, 0, 1], last]] {
        let other = seal(&at_once(orders)).unwrap();
        assert_eq!(String::from_utf8(other).unwrap(), String::from_utf8(text.clone()).unwrap());
    }
}

#[test]
fn aliases_in_messages_are_renumbered_with_the_rest() {
    let mut scene = Scene::default();
    let socket = scene.open("a");
    let uri = "https://social.xboxlive.com/users/xuid(9000000000000007)/friends";
    scene.says(socket, &format!("[1, 0, \"{uri}\"]\0\0\0"));
    scene.told(socket, r#"[1,0,0,0,{"gamertag":"Player900123","n":"a\nPlayer900123"}]"#);
    let mut fragmented = Message::new(Opcode::Binary, b"\xff Player900123".to_vec());
    fragmented.fragments = vec![5, 9];
    scene.message(socket, Sender::Client, &fragmented);
    let mut cassette = scene.cassette();
    cassette.aliases.insert("xuid".into(), vec!["9000000000000007".into()]);
    cassette.aliases.insert("gamertag".into(), vec!["Player900123".into()]);
    let again = read(&seal(&cassette).unwrap());
    let messages: Vec<Message> =
        again.entries.iter().filter_map(|entry| entry.record.frame()?.what.message()).collect();
    let texts: Vec<_> = messages.iter().map(|message| String::from_utf8_lossy(&message.payload)).collect();
    assert_eq!(texts[0], format!("[1, 0, \"{}\"]\0\0\0", uri.replace("0007", "0001")));
    assert_eq!(texts[1], r#"[1,0,0,0,{"gamertag":"Player9001","n":"a\nPlayer9001"}]"#);
    assert_eq!(
        (messages[2].payload.as_ref(), messages[2].fragments.as_slice()),
        (b"\xff Player9001".as_slice(), [5, 7].as_slice())
    );
}

type RawFrame = ((usize, u64, bool), (u64, usize, Option<(u64, usize)>));

/// A frame of a recording that anyone may have written.
fn hostile(((lane, socket, is_service), (after, text, cue)): RawFrame) -> Record {
    let texts = ["[1,0,\"x\"]", "[1,0,0,0,null]", "[2,0,0]", "[3,0,{\"shoulderTaps\":[]}]", "x", ""];
    let tap = tap(0, "room", 1, "s");
    let text = texts.get(text).copied().unwrap_or(&tap);
    let cue = cue.map(|(at, kind)| [Cue::Answers(at), Cue::CausedBy(at), Cue::Follows(at)][kind]);
    let from = if is_service { Sender::Service } else { Sender::Client };
    Record::Frame(Box::new(FrameRecord {
        lane: ["b", "a", "player1"][lane].into(),
        socket,
        from,
        at: socket + after,
        cue: cue.filter(|_| is_service),
        what: What::of(&Message::text(text)),
        timing: None,
    }))
}

proptest! {
    #[test]
    fn sealing_sockets_twice_is_sealing_them_once(
        calls in proptest::collection::vec((0..3_usize, 1..30_u64, 1..9_u64, 0..4_u64), 0..10),
        frames in proptest::collection::vec(
            ((0..3_usize, 1..30_u64, any::<bool>()), (1..20_u64, 0..7_usize, proptest::option::of((0..40_u64, 0..3_usize)))),
            0..16,
        ),
    ) {
        let mut scene = Scene::default();
        for (lane, asked, took, number) in calls {
            let lane = ["b", "a", "player1"][lane];
            let put = call(lane, "PUT", &session("room"), "{}");
            scene.call_at((asked, asked + took), lane, &put, 200, &version(number));
        }
        scene.records.extend(frames.into_iter().map(hostile));
        let once = seal(&scene.cassette()).unwrap();
        let reread = read(&once);
        prop_assert_eq!(reread.seal, Seal::Sealed);
        prop_assert_eq!(String::from_utf8(seal(&reread).unwrap()), String::from_utf8(once));
    }
}
