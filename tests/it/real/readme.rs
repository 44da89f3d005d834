//! The README and the playtest page are run, not read: their commands, line by line, in a directory of their own.

use std::path::Path;
use std::process::{Command, Stdio};

#[test]
fn its_commands_do_what_it_says() {
    let record = run_section("Record", None);
    assert!(record.contains("this recording replays"), "{record}");
    let replay = run_section("Replay", Some("Record"));
    assert!(replay.contains("tapdeck-outcome: bound"), "{replay}");
    assert!(replay.contains("2814000000000009") && !replay.contains("2814000000000001"), "{replay}");
    assert!(replay.contains("1 hit (1 bound), 0 repeat, 0 miss, 0 unplayed, upstream 0"), "{replay}");
    let run = run_section("Run in CI", Some("Record"));
    assert!(run.contains("2814000000000009"), "{run}");
    assert!(run.contains("1 hit (1 bound), 0 repeat, 0 miss, 0 unplayed, upstream 0, "), "{run}");
    let emulate = run_section("Emulate", None);
    for part in ["\n201\n", "\n200\n", r#""changeNumber":1"#, r#""changeNumber":2"#, r#""changeNumber":3"#, "04:35"] {
        assert!(emulate.contains(part), "{part}: {emulate}");
    }
    assert_eq!(emulate.matches("\ntap {\"timestamp\"").count(), 3, "{emulate}");
    assert_eq!(emulate.matches("~lobby~party").count(), 3, "{emulate}");
    let check = run_section("Check", Some("Record"));
    assert!(check.contains("no findings in 14 exchanges"), "{check}");
    assert!(check.contains(r#""rule":"json-malformed""#), "{check}");
    assert!(check.contains("violations found") && check.contains("To fix it:"), "{check}");
    let set_up = run_section("Set up a project", None);
    assert!(set_up.contains("fail-on") && set_up.contains("tapdeck.toml:"), "{set_up}");
}

#[test]
fn a_playtest_is_rehearsed_as_its_page_says() {
    let page = page("docs/playtest.md");
    let told = run_script("playtest", &commands(&page, "Try it first, ten minutes, no Xbox Live").concat());
    for part in [
        "\n201\n",
        "this recording replays",
        "both in the lobby",
        "no findings in 2 exchanges",
        "1 hit (1 bound), 0 repeat, 0 miss",
    ] {
        assert!(told.contains(part), "{part}: {told}");
    }
}

/// Runs a section's commands after those of the section they build on, and returns all they print.
fn run_section(name: &str, after: Option<&str>) -> String {
    let readme = page("README.md");
    let first = |section| commands(&readme, section).swap_remove(0);
    let before = after.map(first).unwrap_or_default();
    run_script(name, &format!("(:\n{before}) >/dev/null 2>&1\nset -e\n{}", first(name)))
}

/// Runs commands in a directory of their own, at ports of their own, and returns all they print.
fn run_script(name: &str, script: &str) -> String {
    let dir = tempfile::tempdir().unwrap();
    copy_examples(dir.path());
    let (port, control) = free_ports();
    let script = script.replace("8888", &port).replace("8889", &control);
    let binary = Path::new(env!("CARGO_BIN_EXE_tapdeck")).parent().unwrap();
    let path = format!("{}:{}", binary.display(), std::env::var("PATH").unwrap());
    let mut bash = Command::new("bash");
    bash.arg("-c").arg(script).current_dir(dir.path()).stdin(Stdio::null());
    bash.env("PATH", path)
        .env("TAPDECK_HOME", dir.path().join("home"))
        .env("TAPDECK_LISTEN", format!("127.0.0.1:{port}"))
        .env("TAPDECK_ADMIN", format!("127.0.0.1:{control}"));
    for name in
        ["http_proxy", "https_proxy", "all_proxy", "no_proxy", "HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "NO_PROXY"]
    {
        bash.env_remove(name);
    }
    let output = bash.output().expect("bash runs");
    let text = String::from_utf8_lossy(&[output.stdout, output.stderr].concat()).into_owned();
    assert!(output.status.success(), "{name} failed: {text}");
    text
}

fn free_ports() -> (String, String) {
    let listeners = [(); 2].map(|()| std::net::TcpListener::bind("127.0.0.1:0").unwrap());
    let [first, second] = listeners.map(|listener| listener.local_addr().unwrap().port().to_string());
    (first, second)
}

/// The blocks of commands of a section.
fn commands(page: &str, section: &str) -> Vec<String> {
    let body = page.split(&format!("## {section}\n")).nth(1).unwrap().split("\n## ").next().unwrap();
    body.split("```sh\n").skip(1).map(|block| block.split("```").next().unwrap().to_owned()).collect()
}

fn copy_examples(dir: &Path) {
    std::fs::create_dir(dir.join("cassettes")).unwrap();
    for entry in std::fs::read_dir(root().join("cassettes")).unwrap() {
        let path = entry.unwrap().path();
        std::fs::copy(&path, dir.join("cassettes").join(path.file_name().unwrap())).unwrap();
    }
}

fn page(name: &str) -> String {
    std::fs::read_to_string(root().join(name)).unwrap().replace("\r\n", "\n")
}

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}
