use super::*;
use crate::cassette::sample::scene::{Scene, call, session, tap};
use crate::cassette::{Mark, seal};
use crate::mpsd::route::NEXT_DOOR;
use crate::replay::verify;

fn mark(scene: &mut Scene, note: &str) {
    let at_position = scene.position;
    scene.records.push(Record::Mark(Mark { at_position, text: note.to_owned() }));
}

fn put(who: &str, room: &str, n: u64) -> crate::message::Request {
    call(who, "PUT", &session(room), &format!(r#"{{"properties":{{"custom":{{"n":{n}}}}}}}"#))
}

/// Two players with a socket each, two rooms and two rounds; what the guest hears is caused by the host.
fn evening() -> Cassette {
    let mut scene = Scene::default();
    let (host, guest) = (scene.open("host"), scene.open("guest"));
    scene.subscribes(host, 1, "aaaaaaaa-0000-4000-8000-000000000001");
    scene.subscribes(guest, 1, "aaaaaaaa-0000-4000-8000-000000000002");
    let reference = r#"{"version":1,"type":"activity","sessionRef":{"scid":"00000000-0000-0000-0000-0000000c0de1","templateName":"lobby","name":"One"}}"#;
    scene.shows("host", &put("1", "One", 1), 1);
    scene.call(
        "host",
        &call("1", "POST", "/handles", reference),
        201,
        r#"{"id":"5b5f0a52-0000-4000-8000-000000000020"}"#,
    );
    mark(&mut scene, "round one");
    scene.shows("host", &put("1", "One", 2), 2);
    scene.told(guest, &tap(0, "One", 2, "s"));
    scene.shows("guest", &call("2", "GET", &session("One"), ""), 2);
    mark(&mut scene, "round two");
    scene.shows("guest", &call("2", "PUT", "/handles/5b5f0a52-0000-4000-8000-000000000020/session", "{}"), 3);
    scene.shows("host", &put("1", "Two", 1), 1);
    scene.told(guest, &tap(0, "Two", 1, "s"));
    scene.shows("guest", &call("2", "GET", &session("Two"), ""), 1);
    let cassette = scene.cassette();
    let bytes = seal::seal(&cassette).unwrap();
    Cassette::parse(Path::new("evening"), &bytes).unwrap()
}

fn trimmed(choice: &Choice) -> Result<(Cassette, Vec<String>), String> {
    let whole = evening();
    let blank = Cassette { entries: Vec::new(), ..whole.clone() };
    let read = &mut |index: usize| Ok(whole.entries[index].clone());
    let Trimmed { cassette, notes } =
        cut(blank, whole.entries.len(), choice, read).map_err(|error| error.to_string())?;
    let bytes = seal::seal(&cassette).unwrap();
    let again = Cassette::parse(Path::new("trimmed"), &bytes).unwrap();
    assert_eq!(seal::seal(&again).unwrap(), bytes);
    assert_eq!(verify(&again), []);
    Ok((again, notes))
}

fn targets(cassette: &Cassette) -> Vec<String> {
    cassette
        .exchanges()
        .map(|http| format!("{} {}", http.lane, http.request.target.rsplit('/').next().unwrap()))
        .collect()
}

fn choice(pairs: &[(&str, &str)]) -> Choice {
    let mut choice = Choice::default();
    for (what, name) in pairs {
        let name = (*name).to_owned();
        match *what {
            "lane" => choice.lanes.push(name),
            "session" => choice.sessions.push(name),
            "from" => choice.from = Some(name),
            _ => choice.to = Some(name),
        }
    }
    choice
}

#[test]
fn everything_stays_when_nothing_is_chosen() {
    let (all, notes) = trimmed(&Choice::default()).unwrap();
    assert_eq!((seal::seal(&all).unwrap(), notes.len()), (seal::seal(&evening()).unwrap(), 0));
}

#[test]
fn a_round_keeps_its_sockets_and_the_handle_it_uses() {
    let (round, notes) = trimmed(&choice(&[("from", "round two")])).unwrap();
    assert_eq!(
        targets(&round),
        ["host connect", "guest connect", "host handles", "guest session", "host Two", "guest Two"]
    );
    assert_eq!(round.messages(), (5, 2), "what was subscribed, and one tap");
    assert_eq!(notes.len(), 2, "{notes:?}");
    assert!(notes[0] == "kept, too: 6 records of sockets that were open before", "{notes:?}");
    assert!(notes[1] == "1 call that made a handle used here is kept, too", "{notes:?}");
    let (same, _) = trimmed(&choice(&[("from", "2")])).unwrap();
    assert_eq!(seal::seal(&same).unwrap(), seal::seal(&round).unwrap());
    let (first, _) = trimmed(&choice(&[("from", "round one"), ("to", "round two")])).unwrap();
    assert_eq!(targets(&first), ["host connect", "guest connect", "host One", "guest One"]);
}

#[test]
fn a_lane_hears_what_others_caused_by_its_own_doing() {
    let (guest, notes) = trimmed(&choice(&[("lane", "guest")])).unwrap();
    assert_eq!(targets(&guest), ["guest connect", "guest One", "guest session", "guest Two"]);
    assert_eq!((guest.lanes.as_slice(), guest.messages()), (["guest".to_owned()].as_slice(), (4, 1)));
    let told = "2 messages wait for its own player: the call that caused it is cut";
    assert_eq!(notes, ["a handle is used that host made, who is cut", told]);
}

#[test]
fn a_session_keeps_what_tells_of_it() {
    let (two, _) = trimmed(&choice(&[("session", "TWO")])).unwrap();
    assert_eq!(targets(&two), ["host connect", "guest connect", "host Two", "guest Two"]);
    assert_eq!(two.messages().0, 5);
    let (both, _) = trimmed(&choice(&[("session", "two"), ("session", "one")])).unwrap();
    assert_eq!(both.exchanges().count(), evening().exchanges().count());
}

#[test]
fn who_only_listens_keeps_its_open_socket() {
    let mut scene = Scene::default();
    let (_, guest) = (scene.open("host"), scene.open("guest"));
    scene.subscribes(guest, 1, "aaaaaaaa-0000-4000-8000-000000000002");
    for note in ["go", "on", "go"] {
        mark(&mut scene, note);
        let n = scene.position;
        scene.shows("host", &put("1", "One", n), n);
        if note == "go" {
            scene.told(guest, &tap(0, "One", n, "s"));
        }
    }
    let whole = Cassette::parse(Path::new("evening"), &seal::seal(&scene.cassette()).unwrap()).unwrap();
    let trim = |choice: &Choice| {
        let blank = Cassette { entries: Vec::new(), ..whole.clone() };
        cut(blank, whole.entries.len(), choice, &mut |index: usize| Ok(whole.entries[index].clone()))
    };
    for (from, messages) in [("2", 3), ("go", 4)] {
        let Trimmed { cassette, notes } = trim(&choice(&[("lane", "guest"), ("from", from)])).unwrap();
        assert_eq!((targets(&cassette), cassette.messages().0), (vec!["guest connect".to_owned()], messages));
        let told = "mark 1 `go` is taken, the first of that note; by their numbers, there are 3, too";
        assert_eq!(notes.iter().any(|note| note == told), from == "go", "{notes:?}");
    }
    let quiet = trim(&choice(&[("lane", "guest"), ("from", "2"), ("to", "3")])).unwrap().cassette;
    assert_eq!(targets(&quiet), ["guest connect"], "a socket that is open in between");
    let same = trim(&choice(&[("from", "go"), ("to", "go")])).unwrap_err().to_string();
    assert!(same.starts_with("mark 1 `go` is one and the same") && same.ends_with("there are 3, too"), "{same}");
}

#[test]
fn what_a_neighbour_is_asked_is_about_no_session() {
    let mut scene = Scene::default();
    scene.shows("host", &put("1", "One", 1), 1);
    scene.shows("host", &put("1", "Two", 1), 1);
    if let Some(Record::Http(http)) = scene.records.last_mut() {
        (http.request.authority, http.op) = ("files.test:8080".to_owned(), NEXT_DOOR.to_owned());
    }
    let mut sketch = Sketch::default();
    scene.records.iter().for_each(|record| sketch.add(record));
    assert_eq!(sketch.sessions("one").unwrap().len(), 1);
    assert_eq!(sketch.sessions("two").unwrap_err().to_string(), "no session is called `two`; there are `one`");
}

#[test]
fn what_is_not_there_is_told_with_what_is() {
    for (pairs, message) in [
        (&[("lane", "nobody")][..], "no lane is called `nobody`; there are `host`, `guest`"),
        (&[("session", "three")], "no session is called `three`; there are `one`, `two`"),
        (&[("from", "3")], "no mark is called `3`; there are 1 `round one`, 2 `round two`"),
        (&[("from", "2"), ("to", "1")], "mark 2 `round two` does not come before mark 1 `round one`"),
        (
            &[("from", "round one"), ("to", "1")],
            "mark 1 `round one` is one and the same mark: nothing stands between it and itself",
        ),
        (&[("from", "2"), ("session", "one"), ("lane", "host")], "nothing would be left: no exchange fits"),
    ] {
        assert_eq!(trimmed(&choice(pairs)).unwrap_err(), message);
    }
}
