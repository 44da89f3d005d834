//! A project's own settings through the real binary: `tapdeck.toml`, `config`, `init`, severities and title contracts.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Output;

use serde_json::{Value, json};
use tapdeck::client::{Client, Way};
use tapdeck::exchange::Protocol;
use tempfile::TempDir;

use crate::support::binary::{self, Deck, Ended};
use crate::support::text;

const SESSION: &str = "/serviceconfigs/00000000-0000-0000-0000-0000000c0de1/sessionTemplates/lobby/sessions/\
                       60f9d3f3-9d7a-4b76-8b43-2f6cf8c6a001";
const HEADERS: [(&str, &str); 3] =
    [("authorization", "XBL3.0 x=1234;token"), ("x-xbl-contract-version", "107"), ("content-type", "application/json")];
const VIOLATIONS: &str = "cassettes/violations.cassette.json";

/// A project's directory.
struct Project(TempDir);

impl Project {
    fn with(files: &[(&str, &str)]) -> Self {
        let project = Self(TempDir::new().unwrap());
        for (name, text) in files {
            let path = project.at(name);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, text).unwrap();
        }
        project
    }

    fn at(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    /// Runs the binary there, with some variables set.
    fn run_with(&self, variables: &[(&str, &str)], args: &[&str]) -> Ended {
        let mut command = binary::tapdeck(&self.at("home"));
        command.current_dir(self.0.path()).args(args).envs(variables.iter().copied());
        let Output { status, stdout, stderr } = command.output().unwrap();
        let text = |bytes| String::from_utf8(bytes).unwrap();
        Ended { code: status.code(), stdout: text(stdout), talk: text(stderr) }
    }

    fn run(&self, args: &[&str]) -> Ended {
        self.run_with(&[], args)
    }
}

fn committed(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(name)
}

fn shown(project: &Project, variables: &[(&str, &str)], command: &[&str]) -> Value {
    let ended = project.run_with(variables, &[&["config", "show", "--format", "json"], command].concat());
    assert_eq!((ended.code, ended.talk.as_str()), (Some(0), ""));
    serde_json::from_str(&ended.stdout).unwrap()
}

#[test]
fn each_setting_is_shown_with_its_origin() {
    let project = Project::with(&[(
        "tapdeck.toml",
        "others = \"refuse\"\nupstream-proxy = \"http://me:hunter2@127.0.0.1:3128\"\n[record]\nseed = 7\n\
         [emulator.policies]\nfull-status = 403\n[rules]\nbody-on-get = \"off\"\n\
         [[title]]\ntemplate = \"lobby\"\nsession-properties = \"lobby.json\"\n",
    )]);
    let all = shown(&project, &[("TAPDECK_SEED", "8")], &["record", "--listen", "127.0.0.1:0"]);
    assert_eq!(all["file"], "tapdeck.toml");
    let set = |name: &str| all["commands"]["record"][name].clone();
    assert_eq!(set("listen"), json!({"value": "127.0.0.1:0", "origin": "flag"}));
    assert_eq!(set("seed"), json!({"value": "8", "origin": "TAPDECK_SEED"}));
    assert_eq!(set("others"), json!({"value": "refuse", "origin": "tapdeck.toml:1"}));
    assert_eq!(set("clock"), json!({"value": "virtual", "origin": "default"}));
    assert_eq!(set("upstream"), json!({"value": null, "origin": "default"}));
    assert_eq!(set("upstream-proxy"), json!({"value": "(set, not shown)", "origin": "tapdeck.toml:2"}));
    assert_eq!(all["policies"]["full-status"], json!({"value": "403", "origin": "tapdeck.toml:6"}));
    assert_eq!(all["policies"]["custom-merge"]["origin"], "default");
    assert_eq!(all["rules"]["body-on-get"], json!({"value": "off", "origin": "tapdeck.toml:8"}));
    assert_eq!(all["titles"][0]["schemas"]["session-properties"]["origin"], "tapdeck.toml:11");

    let ended = project.run(&["config", "show", "record"]);
    for line in ["seed  ", "tapdeck.toml:4", "[rules]", "session-properties", "full-status"] {
        assert!(ended.stdout.contains(line), "{line}: {}", ended.stdout);
    }
    assert!(!ended.stdout.contains("hunter2"), "{}", ended.stdout);
    let every = project.run(&["config", "show"]).stdout;
    assert!(["[replay]", "[cassette.fmt]", "[check]"].iter().all(|name| every.contains(name)), "{every}");
    let unknown = project.run(&["config", "show", "recrd"]);
    assert!(unknown.code == Some(2) && unknown.talk.contains("did you mean `record`?"), "{}", unknown.talk);
}

#[test]
fn the_file_is_found_where_we_stand_or_by_name() {
    let project = Project::with(&[("tapdeck.toml", "seed = 7\n"), ("other/t.toml", "seed = 8\npeople = \"p.toml\"\n")]);
    let seed = |variables: &[(&str, &str)], args: &[&str]| {
        let ended = project.run_with(variables, &[args, &["config", "show", "--format", "json", "emulate"]].concat());
        let all: Value = serde_json::from_str(&ended.stdout).unwrap();
        (all["commands"]["emulate"]["seed"]["value"].clone(), all["commands"]["emulate"]["people"]["value"].clone())
    };
    assert_eq!(seed(&[], &[]), (json!("7"), json!(null)));
    assert_eq!(seed(&[("TAPDECK_CONFIG", "other/t.toml")], &[]), (json!("8"), json!("other/p.toml")));
    assert_eq!(seed(&[("TAPDECK_CONFIG", "nowhere")], &["--config", "other/t.toml"]).0, json!("8"));
    let absent = project.run(&["emulate", "--config", "nowhere.toml"]);
    assert!(absent.code == Some(2) && absent.talk.contains("cannot read nowhere.toml"), "{}", absent.talk);
}

#[test]
fn a_file_that_cannot_be_stops_all_but_help_and_init() {
    let project = Project::with(&[("tapdeck.toml", "[replay]\nmiss-status = 200\n")]);
    let ended = project.run(&["rules"]);
    assert_eq!((ended.code, ended.stdout.as_str()), (Some(2), ""));
    assert!(ended.talk.starts_with("error: tapdeck.toml:2:1: replay.miss-status: "), "{}", ended.talk);
    assert!(ended.talk.contains("\nhint: "), "{}", ended.talk);
    assert_eq!(project.run(&["replay", "--help"]).code, Some(0));
    assert_eq!(project.run(&["init", "--force"]).code, Some(0));
    assert_eq!(project.run(&["rules"]).code, Some(0));
}

#[test]
fn the_environment_switches_on_and_off() {
    let project = Project::with(&[("tapdeck.toml", "enforce = true\n")]);
    let enforce =
        |variables: &[(&str, &str)]| shown(&project, variables, &["watch"])["commands"]["watch"]["enforce"].clone();
    assert_eq!(enforce(&[]), json!({"value": "true", "origin": "tapdeck.toml:1"}));
    assert_eq!(enforce(&[("TAPDECK_ENFORCE", "0")])["origin"], "TAPDECK_ENFORCE");
}

#[test]
fn a_variable_that_cannot_be_is_named() {
    let project = Project::with(&[]);
    for command in [&["watch"][..], &["config", "show", "watch"]] {
        let ended = project.run_with(&[("TAPDECK_LISTEN", "nowhere")], command);
        assert_eq!(ended.code, Some(2), "{}", ended.talk);
        assert!(ended.talk.starts_with("error: TAPDECK_LISTEN: \"nowhere\": write an address"), "{}", ended.talk);
    }
    let given = project.run_with(&[("TAPDECK_LISTEN", "nowhere")], &["watch", "--listen", "nobody"]);
    assert!(given.talk.contains("'nobody'"), "{}", given.talk);
}

const TITLED: &str = "[[title]]\ntemplate = \"Lobby\"\nsession-properties = \"schemas/lobby.json\"\n";
const LOBBY: &str = r#"{"type": "object", "required": ["map"], "properties": {"level": {"$ref": "common.json#/$defs/level"}, "map": {"type": "string"}}}"#;
const COMMON: &str = r#"{"$defs": {"level": {"type": "integer", "minimum": 1}}}"#;

fn titled() -> Project {
    Project::with(&[("tapdeck.toml", TITLED), ("schemas/lobby.json", LOBBY), ("schemas/common.json", COMMON)])
}

/// A recording of two writes to a lobby, the first against the title's schemas; and what was logged.
async fn recorded(project: &Project) -> Ended {
    let mut command = binary::tapdeck(&project.at("home"));
    command.current_dir(project.0.path()).args(["record", "--upstream", "emulator", "--log-format", "json"]);
    command.args(["--listen", "127.0.0.1:0", "a.cassette.json"]);
    let deck = Deck::of(command);
    let mut client =
        Client::connect(deck.address, &deck.address.to_string(), Way::Reverse, Protocol::H1).await.unwrap();
    let wrong = br#"{"properties":{"custom":{"level":0}},"members":{"me":{"properties":{"system":{"ready":true}}}}}"#;
    assert_eq!(client.send("PUT", SESSION, &HEADERS, wrong).await.unwrap().status, 201);
    let right = br#"{"properties":{"custom":{"level":1,"map":"harbour"}}}"#;
    assert_eq!(client.send("PUT", SESSION, &HEADERS, right).await.unwrap().status, 200);
    assert_eq!(client.send("PUT", SESSION, &HEADERS[..2], b"{").await.unwrap().status, 400);
    drop(client);
    let ended = deck.stopped();
    assert_eq!(ended.code, Some(0), "{}", ended.talk);
    ended
}

/// What a check of the recording finds.
fn found(project: &Project) -> (Option<i32>, Vec<Value>) {
    let ended = project.run(&["check", "--format", "json", "a.cassette.json"]);
    (ended.code, serde_json::from_str(&ended.stdout).unwrap_or_else(|error| panic!("{error}: {}", ended.talk)))
}

/// Rule and place of the findings of a title's schemas.
fn by_title<'v>(found: impl IntoIterator<Item = &'v Value>) -> Vec<String> {
    let told =
        found.into_iter().filter_map(|one| Some(format!("{} {}", one["rule"].as_str()?, one["place"].as_str()?)));
    told.filter(|told| told.starts_with("title-")).collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_title_is_held_to_its_own_schemas_live_and_in_a_check() {
    let project = titled();
    let talk = recorded(&project).await.talk;
    let logged: Vec<Value> = talk.lines().filter_map(|line| serde_json::from_str(line).ok()).collect();
    let expected =
        ["title-custom body /properties/custom/level", "title-custom-stored answer body /properties/custom/map"];
    assert_eq!(by_title(&logged), expected, "{talk}");

    let (code, found) = found(&project);
    assert_eq!((code, by_title(&found)), (Some(1), expected.map(str::to_owned).to_vec()));
    let schemas: Vec<_> = found.iter().filter_map(|found| found["schema"].as_str()).collect();
    assert_eq!(schemas, ["schemas/common.json#/$defs/level/minimum", "schemas/lobby.json#/required"]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_rule_weighs_what_the_project_says() {
    let project = titled();
    recorded(&project).await;
    let weighing = |rules: &str| {
        fs::write(project.at("tapdeck.toml"), format!("[rules]\n{rules}\n{TITLED}")).unwrap();
        let (code, found) = found(&project);
        let weight = |rule: &str| {
            let found = found.iter().find(|found| found["rule"] == rule)?;
            Some(found["severity"].as_str().unwrap().to_owned())
        };
        (code, weight("title-custom"), weight("json-malformed"))
    };
    let told = |weight: &str| Some(weight.to_owned());
    assert_eq!(weighing(""), (Some(1), told("error"), told("info")));
    assert_eq!(weighing("title-custom = \"off\""), (Some(0), None, told("info")));
    for (weight, code) in [("info", 0), ("warning", 0), ("error", 1)] {
        assert_eq!(weighing(&format!("title-custom = \"{weight}\"")), (Some(code), told(weight), told("info")));
    }
    let rejected = weighing("json-malformed = \"error\"\ntitle-custom = \"off\"");
    assert_eq!(rejected, (Some(0), None, told("info")), "what the service rejects itself stays expected");
}

#[test]
fn a_schema_that_cannot_be_used_is_named() {
    let violations = committed(VIOLATIONS);
    for (name, schema, told) in [
        ("lobby.json", "{", "lobby.json: no JSON"),
        ("lobby.json", r#"{"properties": {"level": {"type": "integr"}}}"#, "lobby.json#/properties/level/type: "),
        ("lobby.json", r#"{"$ref": "../tapdeck.toml"}"#, "tapdeck.toml"),
        ("lobby.json", r#"{"$ref": "file:///etc/passwd"}"#, "only files beside the schema"),
        ("lobby.json", r#"{"$ref": "https://127.0.0.1/x.json"}"#, "only files beside the schema"),
        ("other.json", "{}", "lobby.json"),
    ] {
        let project = Project::with(&[("tapdeck.toml", TITLED), (&format!("schemas/{name}"), schema)]);
        let ended = project.run(&["check", text(&violations)]);
        assert_eq!((ended.code, ended.stdout.as_str()), (Some(2), ""), "{schema}: {}", ended.talk);
        assert!(ended.talk.starts_with("error: tapdeck.toml:3:22: title.session-properties: "), "{}", ended.talk);
        assert!(ended.talk.contains(told), "{schema}: {}", ended.talk);
    }
}

#[cfg(unix)]
#[test]
fn a_schema_refers_to_nothing_outside_its_folder() {
    let project = Project::with(&[
        ("tapdeck.toml", TITLED),
        ("schemas/lobby.json", r#"{"$ref": "link.json"}"#),
        ("secret.json", r#"{"type": "hunter2"}"#),
    ]);
    std::os::unix::fs::symlink("../secret.json", project.at("schemas/link.json")).unwrap();
    let ended = project.run(&["check", text(&committed(VIOLATIONS))]);
    assert!(ended.code == Some(2) && ended.talk.contains("outside the schema's folder"), "{}", ended.talk);
    assert!(!ended.talk.contains("hunter2"), "{}", ended.talk);
}

#[test]
fn the_published_schema_is_the_one_printed() {
    let committed = committed("docs/tapdeck.schema.json");
    let printed = Project::with(&[]).run(&["config", "schema"]).stdout;
    if std::env::var_os("TAPDECK_BLESS").is_some() {
        fs::write(&committed, &printed).unwrap();
    }
    let published = fs::read_to_string(&committed).unwrap().replace("\r\n", "\n");
    assert!(
        published == printed,
        "docs/tapdeck.schema.json is stale: TAPDECK_BLESS=1 cargo test --test it project writes it anew"
    );
}

/// What the published schema says against a file.
fn complaints(file: &str) -> Vec<String> {
    let schema = fs::read_to_string(committed("docs/tapdeck.schema.json")).unwrap();
    let schema: Value = serde_json::from_str(&schema).unwrap();
    assert!(jsonschema::meta::is_valid(&schema));
    let file: toml::Value = toml::from_str(file).unwrap();
    let file = serde_json::to_value(file).unwrap();
    let validator = jsonschema::validator_for(&schema).unwrap();
    validator.iter_errors(&file).map(|error| format!("{}: {error}", error.instance_path())).collect()
}

/// The file with everything in it that is commented out: keys and tables stand right behind their `#`.
fn uncommented(file: &str) -> String {
    let line = |line: &str| match line.strip_prefix('#') {
        Some(rest) if rest.starts_with(|start: char| start == '[' || start.is_ascii_lowercase()) => format!("{rest}\n"),
        _ => format!("{line}\n"),
    };
    file.lines().map(line).collect()
}

#[test]
fn the_starting_file_is_taken_with_and_without_its_comments() {
    let project = Project::with(&[("people.toml", ""), ("neighbours.toml", ""), ("templates.json", "{}")]);
    assert_eq!(project.run(&["init"]).code, Some(0));
    let file = fs::read_to_string(project.at("tapdeck.toml")).unwrap();
    assert_eq!(file, fs::read_to_string(committed("docs/tapdeck.toml")).unwrap());
    let all = uncommented(&file);
    assert!(
        all.matches("\nsession-properties = ").count() == 1
            && all.contains("\n[[title]]\n")
            && all.contains("\nlisten = ")
    );
    for text in [&file, &all] {
        assert_eq!(complaints(text), Vec::<String>::new());
        fs::write(project.at("tapdeck.toml"), text).unwrap();
        let shown = project.run(&["config", "show"]);
        assert_eq!((shown.code, shown.talk.as_str()), (Some(0), ""));
    }
    for bag in tapdeck::contract::Bag::ALL {
        assert!(all.contains(&format!("\n{} = ", bag.key())), "{}", bag.key());
        let schema = project.at(&format!("schemas/{}.json", bag.key()));
        fs::create_dir_all(schema.parent().unwrap()).unwrap();
        fs::write(schema, "{}").unwrap();
    }
    let checked = project.run(&["check", text(&committed(VIOLATIONS))]);
    assert!(matches!(checked.code, Some(0 | 1)), "{}", checked.talk);
}

#[test]
fn the_schema_refuses_what_tapdeck_refuses() {
    for file in [
        "lisen = \"x\"\n",
        "[recrd]\n",
        "[record]\nmiss-status = 501\n",
        "others = \"refuze\"\n",
        "enforce = 1\n",
        "[emulator.policies]\nfull-statuss = 1\n",
        "[rules]\nbody-on-gett = \"off\"\n",
        "[rules]\nbody-on-get = \"of\"\n",
        "[[title]]\nscid = \"x\"\n",
        "[[volatile]]\npointer = \"a\"\n",
        "[[volatile]]\nop = \"session.put\"\n",
        "[[volatile]]\nheader = \"user-agent\"\n",
        "[[bound]]\npointer = \"/a\"\n",
        "[[bound]]\npointer = \"/a\"\nclass = \"gid\"\n",
    ] {
        assert!(!complaints(file).is_empty(), "{file}");
        assert_eq!(Project::with(&[("tapdeck.toml", file)]).run(&["rules"]).code, Some(2), "{file}");
    }
    let file = "[check]\nformat = \"json\"\n[cassette.fmt]\ncheck = true\n[rules]\nbody-on-get = \"off\"\n";
    assert_eq!(complaints(file), Vec::<String>::new());
    assert_eq!(Project::with(&[("tapdeck.toml", file)]).run(&["rules"]).code, Some(0));
}

#[test]
fn init_writes_once_and_says_what() {
    let project = Project::with(&[(".gitattributes", "*.png binary"), ("tapdeck.toml", "seed = 7\n")]);
    let first = project.run(&["init"]);
    assert_eq!((first.code, first.stdout.as_str()), (Some(0), ""), "{}", first.talk);
    for told in
        ["kept   ./tapdeck.toml", "wrote  ./.github/workflows/tapdeck.yml", "added  to ./.gitattributes", "next:"]
    {
        assert!(first.talk.contains(told), "{told}: {}", first.talk);
    }
    let read = |name: &str| fs::read_to_string(project.at(name)).unwrap();
    assert_eq!(read(".gitattributes"), "*.png binary\n*.cassette.json text eol=lf linguist-generated=false\n");
    assert_eq!((read(".gitignore"), read("tapdeck.toml")), ("*.cassette.jsonl\n".into(), "seed = 7\n".into()));
    let files = || [".gitattributes", ".gitignore", ".github/workflows/tapdeck.yml"].map(read);
    let before = files();
    let again = project.run(&["init"]);
    assert!(!again.talk.contains("wrote") && !again.talk.contains("added"), "{}", again.talk);
    assert_eq!(files(), before);
    let forced = project.run(&["init", "--force"]);
    assert!(
        forced.talk.contains("wrote  ./tapdeck.toml") && read("tapdeck.toml").starts_with("# What this project sets"),
        "{}",
        forced.talk
    );
    let made = project.run(&["init", "made"]);
    assert!(made.code == Some(0) && project.at("made/tapdeck.toml").exists(), "{}", made.talk);
    let file = project.run(&["init", "tapdeck.toml"]);
    assert!(file.code == Some(2) && file.talk.contains("tapdeck.toml is no directory"), "{}", file.talk);
}

#[test]
fn a_workflow_loses_no_exit_code() {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/.github/workflows");
    for entry in fs::read_dir(folder).unwrap() {
        let text = fs::read_to_string(entry.unwrap().path()).unwrap();
        let lost: Vec<&str> = text.lines().filter(|line| line.contains("echo") && line.contains("$(")).collect();
        assert_eq!(lost, [""; 0], "a command inside of another's words fails unheard");
    }
}

#[test]
fn the_workflow_runs_what_there_is() {
    let workflow = include_str!("../../src/cli/init/tapdeck.yml");
    let project = Project::with(&[]);
    let cassette = committed(VIOLATIONS);
    let commands: Vec<_> = workflow.lines().filter_map(|line| line.split_once("xargs -0r tapdeck ")).collect();
    assert_eq!(commands.len(), 2);
    for (_, command) in commands {
        let args: Vec<&str> = command.split(' ').chain([text(&cassette)]).collect();
        let ended = project.run(&args);
        assert!(matches!(ended.code, Some(0 | 1)), "{command}: {}", ended.talk);
    }
}
