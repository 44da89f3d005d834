//! Who a client is: by its name, and who a recorded player is now.

use super::*;

const HOST: &str = "9000000000000001";
const GUEST: &str = "9000000000000002";

fn as_player(name: &str, request: Request) -> Call {
    let call = Call::new(IpAddr::V4(Ipv4Addr::LOCALHOST), Protocol::H1, Service::Mpsd, request);
    Call { name: name.parse().ok(), ..call }
}

fn play_as(player: &Player, name: &str, request: Request) -> (Response, Played) {
    let call = as_player(name, request);
    player.answer(&call, &call)
}

/// Two players who do the same with different outcomes.
fn twins() -> Player {
    let script = Script::default().then("host", get("1"), 200, Some(("e1", 1)), "0");
    script.then("guest", get("2"), 200, Some(("e2", 2)), "0").player()
}

#[test]
fn a_client_is_the_lane_of_its_name_whatever_it_shows() {
    let player = twins();
    assert_eq!(play_as(&player, "guest", get("1")).1, Played::Hit(2));
    assert_eq!(play_as(&player, "host", get("1")).1, Played::Hit(1));
    assert_eq!(player.tally().unplayed, 0);
}

#[test]
fn a_name_no_lane_has_is_a_miss_that_tells_the_names_there_are() {
    let player = twins();
    let (response, Played::Miss(miss)) = play_as(&player, "guesst", get("1")) else { panic!("there is none") };
    assert_eq!((miss.reason, &miss.players[..]), (Reason::NoSuchPlayer, &["host".to_owned(), "guest".to_owned()][..]));
    assert!(miss.to_string().ends_with("; its players are host, guest"), "{miss}");
    assert_eq!(response.status, 501);
}

#[test]
fn a_lane_promised_to_a_name_is_nobody_elses() {
    let player = twins();
    player.promise(&"host".parse().unwrap());
    assert_eq!(play(&player, get("7")).1, Played::Hit(2));
    assert_eq!(play_as(&player, "host", get("7")).1, Played::Hit(1));
    assert_eq!(reason(&play(&player, get("8")).1), Some(Reason::PlayerTaken));
    assert_eq!(reason(&play(&player.rewound(), get("7")).1), None);
}

#[test]
fn who_comes_too_late_for_its_name_is_told_so() {
    let player = twins();
    assert_eq!(play(&player, get("7")).1, Played::Hit(1));
    assert_eq!(reason(&play_as(&player, "host", get("7")).1), Some(Reason::PlayerTaken));
}

fn join(who: &str, xuid: &str) -> Request {
    put(who, &format!(r#"{{"members":{{"me":{{"constants":{{"system":{{"xuid":"{xuid}"}}}}}}}}}}"#))
}

fn shows(members: &[&str]) -> String {
    let member = |(at, xuid): (usize, &&str)| {
        let tag = if *xuid == HOST { "Player9001" } else { "Player9002" };
        format!(r#""{at}":{{"constants":{{"system":{{"xuid":"{xuid}"}}}},"gamertag":"{tag}"}}"#)
    };
    let members: Vec<String> = members.iter().enumerate().map(member).collect();
    format!(r#"{{"members":{{{}}}}}"#, members.join(","))
}

/// Each player sees the other before the other has said who it is.
fn strangers() -> Player {
    let mut script = Script::default()
        .then("host", get("1"), 200, None, &shows(&[GUEST]))
        .then("guest", request("2", "GET", &session("t"), &[], ""), 200, None, &shows(&[HOST]))
        .then("host", join("1", HOST), 200, None, &shows(&[GUEST, HOST]))
        .then("guest", join("2", GUEST), 200, None, &shows(&[GUEST, HOST]));
    script.aliases.insert("xuid".into(), vec![HOST.into(), GUEST.into()]);
    script.aliases.insert("gamertag".into(), vec!["Player9001".into(), "Player9002".into()]);
    script.player()
}

fn text(response: &Response) -> &str {
    std::str::from_utf8(response.body.wire()).unwrap()
}

#[test]
fn two_players_first_seen_in_each_others_answers_have_live_xuids() {
    for [host, guest] in [["2814000000000001", "2814000000000002"], [GUEST, HOST]] {
        let player = strangers();
        let other = |who| request(who, "GET", &session("t"), &[], "");
        for request in [get("7"), other("8"), join("7", host), join("8", guest)] {
            let (response, played) = play(&player, request);
            assert_eq!(reason(&played), None, "{played:?}");
            if played == Played::Bound(4) {
                let expected = shows(&["X", "Y"]).replace("X", guest).replace("Y", host);
                let expected = expected.replace("Player9002", "T").replace("Player9001", "T");
                assert_eq!(text(&response).replace("Player9001", "T").replace("Player9002", "T"), expected);
            }
        }
        assert_eq!((player.tally().misses, player.tally().unplayed), (0, 0));
    }
}

#[test]
fn a_player_who_was_introduced_is_shown_before_it_comes() {
    let player = strangers();
    player.introduce(&"guest=2814000000000002,gamertag=Anna".parse().unwrap()).unwrap();
    let (response, played) = play(&player, get("7"));
    assert_eq!(played, Played::Bound(1));
    assert_eq!(text(&response), shows(&["2814000000000002"]).replace("Player9002", "Anna"));
    assert_eq!(reason(&play(&player, join("7", "2814000000000001")).1), None);
    assert_eq!(text(&play(&player.rewound(), get("7")).0), text(&response));

    let player = strangers();
    player.introduce(&"guest=2814000000000002".parse().unwrap()).unwrap();
    play(&player, get("7"));
    let guests_own = join("7", "2814000000000002");
    assert_eq!(reason(&play(&player, guests_own).1), Some(Reason::Different), "the host cannot be the guest");
}

#[test]
fn who_cannot_be_told_from_the_cassette_is_not_introduced() {
    let refused = |player: &Player, identity: &str| player.introduce(&identity.parse().unwrap()).unwrap_err();
    assert!(matches!(refused(&strangers(), "gast=1"), Unknown::Player { players, .. } if players == "host, guest"));
    assert!(matches!(refused(&twins(), "guest=1"), Unknown::Untold { what: "xuid", .. }));
    assert!(matches!(refused(&strangers(), "guest=1,device=d"), Unknown::Untold { what: "device token", .. }));
    let mixed = Script::default().then("host", join("1", HOST), 200, None, "{}");
    let mixed = mixed.then("host", join("2", GUEST), 200, None, "{}").player();
    assert!(matches!(refused(&mixed, "host=1"), Unknown::Several { .. }));
    let player = strangers();
    player.introduce(&"host=2814000000000001".parse().unwrap()).unwrap();
    assert!(matches!(refused(&player, "guest=2814000000000001"), Unknown::Taken { what: "xuid", .. }));
}

#[test]
fn a_player_is_known_by_what_its_own_calls_say_of_it() {
    let own = r#"{"members":{"me":{"constants":{"system":{"xuid":"9000000000000001"}}}}}"#;
    let written = r#"{"members":{"me":{"properties":{"system":{"subscription":{"id":"A"}}}}}}"#;
    let member = r#"{"members":{"0":{"constants":{"system":{"xuid":"5"}}},"1":{"constants":{"system":{"xuid":9000000000000001}},"properties":{"system":{"subscription":{"id":"a"}}}}}}"#;
    let mine = |method: &str, body: &str| request("1", method, &(session("s") + "/members/me"), &[], body);
    let invite = request("1", "POST", "/handles", &[], r#"{"type":"invite"}"#);
    for (asked, answered) in [
        (put("1", own), "{}"),
        (get("1"), own),
        (mine("PUT", r#"{"constants":{"system":{"xuid":"9000000000000001"}}}"#), "{}"),
        (mine("GET", ""), r#"{"constants":{"system":{"xuid":"9000000000000001"}}}"#),
        (invite, r#"{"senderXuid":"9000000000000001","invitedXuid":"5"}"#),
        (put("1", written), member),
    ] {
        let target = asked.target.clone();
        let player = Script::default().then("host", asked, 200, None, answered).player();
        assert_eq!(player.introduce(&"host=2814000000000001".parse().unwrap()), Ok(()), "{target}: {answered}");
    }
}
