//! Two places that hold one value must agree, whoever's value it is.

use super::*;

fn script() -> Script {
    let aliases = [("xuid".to_owned(), vec!["9000000000000001".to_owned()])].into();
    let script = Script { aliases, recorded: Vec::new() };
    script.then("host", put("1", &body("9000000000000001", "9000000000000001")), 201, None, "{}")
}

fn body(first: &str, second: &str) -> String {
    format!(r#"{{"properties":{{"custom":{{"by":"{first}","for":"{second}"}}}}}}"#)
}

fn places(played: Played) -> Vec<String> {
    match played {
        Played::Miss(miss) => miss.nearest[0].differences.iter().map(|one| one.place.clone()).collect(),
        _ => Vec::new(),
    }
}

#[test]
fn one_of_two_places_does_not_keep_the_recorded_value() {
    let live = "2814000000000077";
    let play_one = |first: &str, second: &str| play(&script().player(), put("9", &body(first, second))).1;
    assert_eq!(play_one(live, live), Played::Hit(1));
    assert_eq!(play_one("9000000000000001", "9000000000000001"), Played::Hit(1));
    assert_eq!(places(play_one(live, "9000000000000001")), ["body /properties/custom/for"]);
    assert_eq!(places(play_one("9000000000000001", live)), ["body /properties/custom/for"]);
}
