//! `clients/`: the example at the head of each file is compiled as it stands there and run against the binary.

use std::path::{Path, PathBuf};
use std::process::Command;

use tempfile::TempDir;

use crate::support::binary::{Deck, tapdeck};
use crate::support::text;

/// What the examples leave to the reader: a game. This one is curl, making the first call of the invitation.
const GAME: &str = r#"curl -q -sS --noproxy '' --proxy %P --cacert '%C' -o /dev/null --fail-with-body -X PUT \
-H 'Authorization: XBL3.0 x=42;token' -H 'X-Xbl-Contract-Version: 107' -H 'If-None-Match: *' \
-H 'Content-Type: application/json; charset=utf-8' -d '{"members":{"me":{"constants":{"system":{"xuid":"2814646326226712"}},
"properties":{"system":{"active":true,"connection":"1b4e28ba-2fa1-41d2-883f-0016d3cca427"}}}}}' \
https://sessiondirectory.xboxlive.com/serviceconfigs/00000000-0000-0000-0000-0000000c0de1/sessionTemplates/game/sessions/mine"#;

const CPP: &str = r#"
#include <cstdlib>
#include <iostream>
static std::string with(std::string text, const std::string &name, const std::string &value) {
    return text.replace(text.find(name), name.size(), value);
}
static void run_game(const std::string &proxy, const std::string &ca) {
    if (std::system(with(with(std::getenv("GAME"), "%P", proxy), "%C", ca).c_str()) != 0) std::exit(9);
}
"#;

const CSHARP: &str = r#"
using System;
static class Program
{
    static void RunGame(string proxy, string ca)
    {
        var script = Environment.GetEnvironmentVariable("GAME").Replace("%P", proxy).Replace("%C", ca);
        System.IO.File.WriteAllText("game.sh", script);
        using (var game = System.Diagnostics.Process.Start("sh", "game.sh"))
        {
            game.WaitForExit();
            if (game.ExitCode != 0) Environment.Exit(9);
        }
    }
    static void Main()
    {
"#;

#[test]
fn the_cpp_example_starts_resets_and_reads_a_session() {
    let bench = Bench::new();
    let example = bench.example("tapdeck.hpp", r#""lobby.cassette.json""#, r#""lobby.cassette.json", "all", "%H""#);
    let source = bench.write("main.cpp", &format!("{CPP}{example}"));
    let program = bench.folder.path().join("main");
    let strict = ["-std=c++17", "-Wall", "-Wextra", "-Wpedantic", "-Werror"];
    let mut compile = Command::new("g++");
    compile.args(strict).arg("-I").arg(clients()).args([text(&source), "-o", text(&program)]);
    bench.run(compile);
    bench.play(Command::new(program));
}

#[test]
fn the_csharp_example_starts_resets_and_reads_a_session() {
    let bench = Bench::new();
    let example =
        bench.example("Tapdeck.cs", r#""lobby.cassette.json""#, r#""lobby.cassette.json", "all", "http://%H""#);
    let source = bench.write("Main.cs", &format!("{CSHARP}{example}    }}\n}}\n"));
    let program = bench.folder.path().join("Main.exe");
    let mut compile = Command::new("mcs");
    compile.args(["-warnaserror", "-r:System.Net.Http", "-r:System.Runtime.Serialization"]);
    compile.arg(format!("-out:{}", program.display())).arg(source).arg(clients().join("Tapdeck.cs"));
    bench.run(compile);
    let mut played = Command::new("mono");
    played.arg(program);
    bench.play(played);
}

/// A deck in a folder with one cassette, where examples are compiled and run.
struct Bench {
    folder: TempDir,
    deck: Deck,
}

impl Bench {
    fn new() -> Self {
        let folder = TempDir::new().unwrap();
        let cassette = Path::new(env!("CARGO_MANIFEST_DIR")).join("cassettes/invite.cassette.json");
        std::fs::copy(cassette, folder.path().join("lobby.cassette.json")).unwrap();
        let mut command = tapdeck(folder.path());
        command.args(["replay", "--listen", "127.0.0.1:0"]).current_dir(folder.path());
        Self { deck: Deck::of(command), folder }
    }

    /// The example at the head of a file, told where this deck's control port is.
    fn example(&self, file: &str, from: &str, to: &str) -> String {
        let code = std::fs::read_to_string(clients().join(file)).unwrap();
        let head = code.lines().take_while(|line| line.starts_with("//"));
        let example: Vec<&str> = head.filter_map(|line| line.strip_prefix("//     ")).collect();
        assert!((5..20).contains(&example.len()), "a user's own code is short: {example:#?}");
        let example = example.join("\n");
        assert!(example.contains(from), "{example}");
        example.replace(from, &to.replace("%H", &self.deck.control().to_string())) + "\n"
    }

    fn write(&self, name: &str, source: &str) -> PathBuf {
        let path = self.folder.path().join(name);
        std::fs::write(&path, source).unwrap();
        path
    }

    /// Runs an example: both its games were answered, and it left no session behind.
    fn play(&self, mut program: Command) {
        program.env("GAME", GAME);
        self.run(program);
        let metrics = super::curl(&[&format!("http://{}/metrics", self.deck.control())]).unwrap().body;
        for line in ["tapdeck_outcomes_total{outcome=\"bound\"} 2", "tapdeck_sessions 0", "tapdeck_sessions_total 1"] {
            assert!(metrics.lines().any(|known| known == line), "{line}: {metrics}");
        }
    }

    fn run(&self, mut command: Command) {
        let output = command.current_dir(self.folder.path()).output();
        let output = output.unwrap_or_else(|error| panic!("this test needs {command:?}: {error}"));
        let told = String::from_utf8_lossy(&[output.stdout, output.stderr].concat()).into_owned();
        assert!(output.status.success(), "{command:?}: {told}");
    }
}

fn clients() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("clients")
}
