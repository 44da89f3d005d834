use std::collections::BTreeMap;

use super::*;

/// What is wrong with a file of this text.
fn fault_of(text: &str) -> Option<String> {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("tapdeck.toml");
    std::fs::write(&path, text).unwrap();
    let found = find(&tree(), Some(&path)).err()?.to_string();
    Some(found.replace(&format!("error: {}/", dir.path().display()), "").lines().next().unwrap().to_owned())
}

/// The value a flag of a command has under a file of this text; the folder is `/p`.
fn value(text: &str, command: &str, flag: &str) -> Option<String> {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("tapdeck.toml");
    std::fs::write(&path, text).unwrap();
    let project = find(&tree(), Some(&path)).map_err(|failure| failure.to_string()).unwrap();
    let words: Vec<String> = command.split(' ').map(str::to_owned).collect();
    let tree = settle(tree(), &words, &project);
    let tree = inside(tree, &words, &|command| command.mut_args(|arg| arg.required(false)));
    let all = takers(&tree);
    let taker = all.iter().find(|taker| taker.path == words && taker.arg.get_long() == Some(flag)).unwrap();
    let matches = tree.try_get_matches_from(["tapdeck"].into_iter().chain(command.split(' '))).unwrap();
    let mut at = &matches;
    while let Some((_, inner)) = at.subcommand() {
        at = inner;
    }
    let values: Vec<_> =
        at.get_raw(taker.arg.get_id().as_str())?.map(|value| value.to_string_lossy().into_owned()).collect();
    Some(values.join(" ").replace(dir.path().to_str().unwrap(), "/p"))
}

#[test]
fn the_tree_is_one_clap_takes() {
    tree().debug_assert();
}

#[test]
fn every_flag_has_a_variable_of_its_own() {
    let mut flags: BTreeMap<String, Vec<Taker>> = BTreeMap::new();
    for taker in takers(&tree()) {
        let variable = taker.arg.get_env().map(|name| name.to_string_lossy().into_owned());
        let variable = variable.unwrap_or_else(|| panic!("--{:?} has no variable", taker.arg.get_long()));
        assert!(variable.starts_with("TAPDECK_"), "{variable}");
        flags.entry(variable).or_default().push(taker);
    }
    assert!(flags.contains_key("TAPDECK_CHECK_FAIL_ON") && flags.contains_key("TAPDECK_LISTEN"));
    for (variable, takers) in flags {
        let same = |taker: &Taker| taker.arg.get_long() == takers[0].arg.get_long();
        assert!(takers.iter().all(same), "{variable} stands for two flags");
        let values =
            |arg: &Arg| arg.get_possible_values().iter().map(|value| value.get_name().to_owned()).collect::<Vec<_>>();
        assert!(takers.iter().all(|taker| values(&taker.arg) == values(&takers[0].arg)), "{variable} has two meanings");
    }
}

#[test]
fn the_nearest_table_decides() {
    let text = "listen = \"127.0.0.1:1\"\nlog-level = \"warn\"\n[record]\nlisten = \"127.0.0.1:2\"\nlog-level = \"debug\"\n\
                [emulator]\nseed = 7\n[emulate]\nseed = 8\n";
    let value = |command, flag| value(text, command, flag).unwrap();
    assert_eq!((value("record", "listen"), value("replay", "listen")), ("127.0.0.1:2".into(), "127.0.0.1:1".into()));
    assert_eq!((value("record", "log-level"), value("check", "log-level")), ("debug".into(), "warn".into()));
    assert_eq!((value("record", "seed"), value("emulate", "seed")), ("7".into(), "8".into()));
}

#[test]
fn a_table_of_a_group_is_for_all_below_it() {
    let text = "[ca]\nhome = \"h\"\n[ca.path]\nhome = \"/abs\"\n[cassette.fmt]\ncheck = true\n";
    assert_eq!(value(text, "ca create", "home").as_deref(), Some("/p/h"));
    assert_eq!(value(text, "ca path", "home").as_deref(), Some("/abs"));
    assert_eq!(value(text, "cassette fmt", "check").as_deref(), Some("true"));
    assert_eq!(value(text, "record", "home"), None);
}

#[test]
fn lists_are_for_flags_that_may_be_repeated() {
    let text = "resolve = [\"a.example=127.0.0.1\", \"b.example=127.0.0.1:8443\"]\n";
    assert_eq!(value(text, "watch", "resolve").as_deref(), Some("a.example=127.0.0.1 b.example=127.0.0.1:8443"));
    assert!(fault_of("resolve = \"a.example=127.0.0.1\"\n").is_none());
}

#[test]
fn what_is_wrong_is_said_with_its_place() {
    for (text, told) in [
        ("lisen = \"x\"\n", "tapdeck.toml:1:1: lisen: there is no such flag (did you mean `listen`?)"),
        ("\n[recrd]\n", "tapdeck.toml:2:2: there is no command for the table `recrd` (did you mean `record`?)"),
        ("[emulatr]\n", "tapdeck.toml:1:2: there is no command for the table `emulatr` (did you mean `emulator`?)"),
        (
            "[record]\nmiss-status = 500\n",
            "tapdeck.toml:2:1: record.miss-status: `tapdeck record` has no such flag, `tapdeck replay` has",
        ),
        (
            "listen = \"nowhere\"\n",
            "tapdeck.toml:1:1: listen: \"nowhere\": write an address and a port, like 127.0.0.1:8888, or NAME=ADDRESS",
        ),
        ("[replay]\nmiss-status = 200\n", "tapdeck.toml:2:1: replay.miss-status: \"200\": 200 is not in 400..600"),
        (
            "others = \"refuze\"\n",
            "tapdeck.toml:1:1: others: \"refuze\": it is one of tunnel, refuse (did you mean `refuse`?)",
        ),
        ("enforce = 1\n", "tapdeck.toml:1:1: enforce: write true or false"),
        ("seed = true\n", "tapdeck.toml:1:1: seed: write a text or a number"),
        ("seed = [1]\n", "tapdeck.toml:1:1: seed: it takes one value, not a list"),
        (
            "seed = 1979-05-27\n",
            "tapdeck.toml:1:8: seed: no flag has such a value: write a text, a number, true or false, or a list of texts",
        ),
        ("config = \"x\"\n", "tapdeck.toml:1:1: config: there is no such flag"),
        ("seed = \n", "tapdeck.toml:1:8: "),
        ("seed = 1\nseed = 2\n", "tapdeck.toml:2:1: duplicate key"),
        (
            "[emulator.policies]\nfull-statuss = 1\n",
            "tapdeck.toml:2:1: emulator.policies: there is no policy `full-statuss` (did you mean `full-status`?)",
        ),
        (
            "[emulator.policies]\nfull-status = 7\n",
            "tapdeck.toml:2:1: emulator.policies: full-status is no status from 200 to 599",
        ),
        ("[emulator.policies]\nfull-status = \"x\"\n", "tapdeck.toml:2:15: emulator.policies: "),
        ("[emulator]\npolicies = 7\n", "tapdeck.toml:2:1: emulator.policies: write a table"),
        (
            "[rules]\nbody-on-gett = \"off\"\n",
            "tapdeck.toml:2:1: rules: there is no rule `body-on-gett` (did you mean `body-on-get`?)",
        ),
        (
            "[rules]\nbody-on-get = \"of\"\n",
            "tapdeck.toml:2:15: rules.body-on-get: write \"off\", \"info\", \"warning\" or \"error\"",
        ),
        ("[title]\n", "tapdeck.toml:1:2: title: write tables, each [[title]]"),
        ("[[title]]\ntemplate = \"x\"\n", "tapdeck.toml:1:1: title: it names no schema"),
        ("[[title]]\nscid = \"x\"\n", "tapdeck.toml:2:8: title.scid: it is no GUID"),
        (
            "[[title]]\nsession-propertys = \"x\"\n",
            "tapdeck.toml:2:1: title: there is no key `session-propertys` (did you mean `session-properties`?)",
        ),
        (
            "[[title]]\ntemplate = []\nsession-properties = \"x\"\n",
            "tapdeck.toml:2:12: title.template: the list is empty",
        ),
    ] {
        let found = fault_of(text).unwrap_or_else(|| panic!("{text} is taken"));
        assert!(found.starts_with(told), "{text}: {found}");
    }
}

#[test]
fn a_value_must_suit_every_command_it_is_for() {
    let found = fault_of("format = \"json\"\n").unwrap();
    assert!(found.contains("`tapdeck ca export`: write it under the command it is for"), "{found}");
    assert_eq!(fault_of("[check]\nformat = \"json\"\n"), None);
}

#[test]
fn a_secret_is_not_told() {
    let found = fault_of("upstream-proxy = \"http://me:hunter2@proxy.example/x\"\n").unwrap();
    assert!(found.contains("has no path") && !found.contains("hunter2"), "{found}");
}

#[test]
fn a_command_line_beats_what_lies_beneath() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("t.toml");
    std::fs::write(&path, "[check]\nfail-on = \"warning\"\n[record]\nenforce = true\n").unwrap();
    let parse = |line: &[&str]| {
        let config = ["tapdeck", "--config", path.to_str().unwrap()];
        let args: Vec<OsString> = config.iter().chain(line).map(OsString::from).collect();
        parse(&args).map(|(cli, _)| format!("{cli:?}")).map_err(|_| ())
    };
    assert!(parse(&["check", "x"]).unwrap().contains("fail_on: Warning"));
    assert!(parse(&["check", "--fail-on", "info", "x"]).unwrap().contains("fail_on: Info"));
    let record = ["record", "a.cassette.json"];
    assert!(parse(&record).unwrap().contains("enforce: true"));
    assert!(parse(&[&record[..], &["--enforce=false"]].concat()).unwrap().contains("enforce: false"));
    assert!(parse(&[&record[..], &["--enforce=perhaps"]].concat()).is_err());
}
