//! Session templates: from a file, in both spellings, and as clients list them.

use serde_json::json;

use super::*;

const FILE: &str = r#"{
    "Duel": {"contractVersion":105,"constants":{"system":{"maxMembersCount":2,"timeouts":{"inactive":1000,"sessionEmpty":null},"managedInitialization":{"autoEvaluate":true,"membersNeededToStart":1}},"custom":{"rules":"strict"}}},
    "free": {"constants":{"system":{"inactiveRemovalTimeout":null,"maxMembersCount":null}}},
    "bare": {"constants":{"system":{"capabilities":{}}},"roleTypes":{"lfg":{"roles":{"confirmed":{"max":2,"target":1}}}}}
}"#;

fn world(choose: impl FnOnce(&mut Policies)) -> World {
    World::of(7, Templates::read(FILE).unwrap(), choose)
}

fn create(constants: &str) -> String {
    format!(
        r#"{{"constants":{constants},"members":{{"me":{{"constants":{{"system":{{"initialize":true}}}},"properties":{{"system":{{"active":true}}}}}}}}}}"#
    )
}

#[test]
fn s22_a_template_in_old_names_starts_sessions_in_both() {
    let world = world(|_| {});
    let target = session("duel", "D");
    let old = put(&target, 'a', &create("{}")).header("x-xbl-contract-version", "105");
    let old = world.call(&old).is(201);
    assert_eq!(old.at("/constants/system/timeouts"), json!({"ready":180000,"reserved":30000,"inactive":1000}));
    assert_eq!(
        old.at("/constants/system/managedInitialization"),
        json!({"membersNeededToStart":1,"autoEvaluate":true})
    );
    assert_eq!(old.at("/constants/custom"), json!({"rules":"strict"}));
    let new = world.call(&get(&target, 'a')).is(200);
    assert_eq!(
        new.at("/constants/system"),
        json!({"readyRemovalTimeout":180000,"reservedRemovalTimeout":30000,"inactiveRemovalTimeout":1000,"version":1,
            "maxMembersCount":2,"visibility":"open","capabilities":{},
            "memberInitialization":{"membersNeededToStart":1}})
    );
    assert_eq!(new.header("etag"), old.header("etag"));
    world.call(&put(&target, 'a', &create(r#"{"system":{"inactiveRemovalTimeout":1000}}"#))).is(200);
    world.call(&put(&target, 'a', &create(r#"{"system":{"inactiveRemovalTimeout":1001}}"#))).says(409);
}

#[test]
fn null_keeps_a_constant_unset_and_missing_capabilities_are_the_creators() {
    let world = world(|_| {});
    let target = session("free", "F");
    let created = world.call(&put(&target, 'a', &create(r#"{"system":{"capabilities":{"gameplay":true}}}"#))).is(201);
    assert_eq!(
        created.at("/constants/system"),
        json!({"readyRemovalTimeout":180000,"reservedRemovalTimeout":30000,"sessionEmptyTimeout":0,"version":1,
            "visibility":"open","capabilities":{"gameplay":true}})
    );
    world.call(&put(&target, 'a', &create(r#"{"system":{"inactiveRemovalTimeout":5}}"#))).says(409);
    let gameplay = create(r#"{"system":{"capabilities":{"gameplay":true}}}"#);
    world.call(&put(&session("bare", "B"), 'a', &gameplay)).says(409);
    let bare = world.call(&put(&session("bare", "B"), 'a', &create("{}"))).is(201);
    assert_eq!(bare.at("/roleTypes/lfg/roles/confirmed/count"), 0);
    let custom = create(r#"{"custom":{"rules":"lax"}}"#);
    world.call(&put(&session("duel", "D"), 'a', &custom)).says(409);
    let more = world.call(&put(&session("duel", "D"), 'a', &create(r#"{"custom":{"map":1.50}}"#))).is(201);
    assert_eq!(more.at("/constants/custom"), json!({"rules":"strict","map":1.5}));
}

#[test]
fn defaults_are_the_creators_or_the_templates() {
    let inactive = |world: &World| {
        let created =
            world.call(&put(&session("bare", "B"), 'a', &create("{}")).header("x-xbl-contract-version", "104"));
        created.is(201).at("/constants/system/timeouts/inactive")
    };
    assert_eq!(inactive(&world(|_| {})), 7_200_000);
    assert_eq!(inactive(&world(|policies| policies.defaults_by = crate::emulator::policy::DefaultsBy::Template)), 0);
}

#[test]
fn templates_are_listed_and_shown() {
    let world = world(|_| {});
    let list = format!("/serviceconfigs/{SCID}/sessiontemplates");
    let names = world.call(&get(&list, 'a')).is(200);
    assert_eq!(
        names.json(),
        json!({"results":["bare","big","Duel","free","game","lobby","priv","roles","slow","target"]})
    );
    let duel = format!("{list}/DUEL");
    let shown = world.call(&get(&duel, 'a')).is(200);
    assert_eq!(
        shown.json(),
        json!({"constants":{"system":{"maxMembersCount":2,"sessionEmptyTimeout":null,"inactiveRemovalTimeout":1000,
            "memberInitialization":{"membersNeededToStart":1}},"custom":{"rules":"strict"}}})
    );
    let old = world.call(&get(&duel, 'a').header("x-xbl-contract-version", "104")).is(200);
    assert_eq!(old.at("/constants/system/timeouts"), json!({"sessionEmpty":null,"inactive":1000}));
    world.call(&get(&format!("{list}/nobody"), 'a')).says(404);
    world.call(&get("/serviceconfigs/x/sessiontemplates", 'a')).says(404);
}

#[test]
fn what_is_wrong_with_a_template_is_named() {
    for (text, part) in [
        ("{", "not JSON"),
        ("[]", "at the root is not an object"),
        (r#"{"a":{"members":{}}}"#, "a.members is not known"),
        (r#"{"a":{"constants":{"system":{"bogus":1}}}}"#, "a.constants.system.bogus is not known"),
        (r#"{"a":{"constants":{"system":{"timeouts":{}}}}}"#, "a.constants.system.timeouts is not known"),
        (r#"{"a":{"contractVersion":106}}"#, "a.contractVersion is not"),
        (r#"{"a":{"roleTypes":{"X":{}}}}"#, "a.roleTypes.X is no role type name"),
        (r#"{"a~b":{}}"#, "is no template name"),
        (r#"{"a":{},"a":{}}"#, "a is named twice"),
    ] {
        let message = Templates::read(text).unwrap_err().to_string();
        assert!(message.contains(part), "{text}: {message}");
    }
}
