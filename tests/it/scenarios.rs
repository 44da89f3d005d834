//! The documented scenarios as data: `tests/scenarios/*.json`, played against the emulator, recorded through the deck,
//! and replayed from that recording by clients whose ids are all fresh.
//!
//! A file is a list of steps, in order:
//!
//! | step | what happens |
//! | --- | --- |
//! | `{"as": "A", "do": "PUT /path", "headers": {…}, "body": …, "status": 200, "see": …}` | player A calls; the answer must have that status and show at least `see` |
//! | `{"as": "A", "open": "socket", "protocol": …, "status": 101}` | A opens a WebSocket |
//! | `{"on": "socket", "say": …, "hear": …}` | a message is sent; the next to arrive must show at least `hear` |
//! | `{"on": "socket", "hear": …}` | the next message must show at least that |
//! | `{"on": "socket", "quiet": true}` | nothing has been sent that was not heard |
//! | `{"on": "socket", "hang-up": "closed"}` | the client goes, with a close message or (`broken`) without |
//! | `{"advance": 30001}` | the emulator's clock moves, in ms |
//!
//! In a body that is seen, `"$name"` stands for a value: the first time it takes any, from then on it must be that one;
//! `"$any"` is any value and `"$absent"` none. In texts, `${name}` is a value known by then; `${name|lower}` and
//! `${now+30000}` (a timestamp of the clock) are made from one. Objects may hold more than is named, arrays not.
//! Players A to D have `${A.xuid}`; what clients make up is declared in `sessions`, `guids` and `addresses`.

mod clients;
mod script;
mod world;

use std::path::{Path, PathBuf};

use script::Script;
use world::World;

#[tokio::test]
async fn every_scenario_holds_on_the_emulator() {
    for path in files() {
        Script::read(&path).play(&mut World::emulator(), "first").await;
    }
}

/// The scenario files, in order.
fn files() -> Vec<PathBuf> {
    let directory = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/scenarios");
    let entries = std::fs::read_dir(directory).unwrap();
    let mut files: Vec<PathBuf> = entries.map(|entry| entry.unwrap().path()).collect();
    files.retain(|path| path.extension().is_some_and(|extension| extension == "json"));
    files.sort();
    assert!(!files.is_empty());
    files
}
