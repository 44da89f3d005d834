//! The module order of `src/lib.rs` is a rule: a module uses only modules above it, and the pure half stays pure.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

/// The modules in the order `src/lib.rs` declares them.
fn modules() -> Vec<String> {
    let lib = std::fs::read_to_string(source("lib.rs")).unwrap();
    let declared = lib.lines().filter_map(|line| line.strip_prefix("pub mod ")?.strip_suffix(';').map(str::to_owned));
    declared.collect()
}

#[test]
fn a_module_uses_only_modules_above_it() {
    let order = modules();
    assert!(order.len() > 15, "{order:?}");
    let mut wrong = Vec::new();
    for (rank, module) in order.iter().enumerate() {
        for file in files(module) {
            for used in used_modules(&code(&file)) {
                let used_rank = order.iter().position(|known| *known == used);
                assert!(used_rank.is_some(), "{} names crate::{used}, which lib.rs does not declare", file.display());
                if used_rank > Some(rank) {
                    wrong.push(format!("{} uses crate::{used}", file.display()));
                }
            }
        }
    }
    assert!(wrong.is_empty(), "modules that use one below them: {wrong:#?}");
}

#[test]
fn the_pure_half_knows_no_sockets_and_no_files() {
    let order = modules();
    let rank = |name: &str| order.iter().position(|module| module == name).unwrap();
    let mut wrong = Vec::new();
    for module in &order[rank("clock")..rank("upstream")] {
        for file in files(module) {
            // How paths are spelt is a matter of text.
            let code = code(&file).replace("platform::slashed", "").replace("platform::is_absolute", "");
            let forbidden = [
                "tokio",
                "hyper",
                "std::fs",
                "std::net::Tcp",
                "SystemTime::now",
                "Instant::now",
                "rand::",
                "platform::",
            ];
            let allowed = |word: &str| module == "cassette" && ["std::fs", "platform::"].contains(&word);
            let named = forbidden.iter().filter(|word| code.contains(*word) && !allowed(word));
            wrong.extend(named.map(|word| format!("{} names {word}", file.display())));
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}

#[test]
fn operating_systems_are_told_apart_in_one_place() {
    // What reads keys and passwords talks to the terminal itself, in files that do nothing else.
    let terminal = ["src/cli/screen.rs", "src/cli/screen/keys.rs", "src/cli/screen/keys/", "src/cli/devkit/ask.rs"];
    let is_terminals = |file: &Path| terminal.iter().any(|part| file.to_string_lossy().contains(part));
    for module in modules().iter().filter(|module| *module != "platform") {
        for file in files(module).into_iter().filter(|file| !is_terminals(file)) {
            let code = code(&file);
            for word in ["cfg(unix", "cfg(windows", "cfg(not(", "cfg!(", "target_os", "std::os::"] {
                assert!(!code.contains(word), "{} names {word}: that is for `platform`", file.display());
            }
        }
    }
}

#[test]
fn only_the_command_line_prints() {
    let order = modules();
    for module in order.iter().filter(|module| *module != "cli") {
        for file in files(module) {
            let code = code(&file);
            for word in ["println!", "eprintln!", "std::io::stdout", "std::io::stderr"] {
                assert!(!code.contains(word), "{} names {word}", file.display());
            }
        }
    }
}

#[test]
fn no_function_is_longer_than_sixty_lines() {
    let mut long = Vec::new();
    for file in std::iter::once(source("main.rs")).chain(modules().iter().flat_map(|module| files(module))) {
        let text = std::fs::read_to_string(&file).unwrap();
        let lines: Vec<&str> = text.lines().collect();
        for (start, line) in lines.iter().enumerate().filter(|(_, line)| is_function(line)) {
            let indent = &line[..line.len() - line.trim_start().len()];
            let end = lines[start..].iter().position(|line| *line == format!("{indent}}}")).unwrap_or(0);
            if end + 1 > 60 {
                long.push(format!("{}:{} has {} lines", file.display(), start + 1, end + 1));
            }
        }
    }
    assert!(long.is_empty(), "{long:#?}");
}

fn is_function(line: &str) -> bool {
    let words: Vec<&str> = line.split_whitespace().collect();
    let keywords = ["pub", "pub(super)", "pub(crate)", "const", "async"];
    let name = words.iter().skip_while(|word| keywords.contains(*word)).collect::<Vec<_>>();
    name.first() == Some(&&"fn") && line.ends_with(['{', '('])
}

/// A file's code without its tests and comments.
fn code(file: &Path) -> String {
    let text = std::fs::read_to_string(file).unwrap();
    let before_tests = text.split("#[cfg(test)]\nmod tests").next().unwrap();
    before_tests.lines().filter(|line| !line.trim_start().starts_with("//")).collect::<Vec<_>>().join("\n")
}

fn used_modules(code: &str) -> BTreeSet<String> {
    let mut used = BTreeSet::new();
    for (at, _) in code.match_indices("crate::") {
        let rest = &code[at + "crate::".len()..];
        let group = rest.strip_prefix('{').and_then(|rest| rest.split('}').next());
        let names = group.map_or_else(|| vec![rest], |group| group.split(',').collect());
        for name in names {
            let word: String = name.trim().chars().take_while(|char| char.is_alphanumeric() || *char == '_').collect();
            used.insert(word);
        }
    }
    used.remove("");
    used
}

/// A module's files: `name.rs` and all below `name/`, but not files that are tests only.
fn files(module: &str) -> Vec<PathBuf> {
    let mut files = vec![source(&format!("{module}.rs"))];
    let mut folders = vec![source(module)];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).into_iter().flatten() {
            let path = entry.unwrap().path();
            let is_test = path.file_stem().is_some_and(|stem| stem == "tests" || stem == "sample");
            match path.is_dir() {
                true if !is_test => folders.push(path),
                false if !is_test && path.extension().is_some_and(|extension| extension == "rs") => files.push(path),
                _ => {}
            }
        }
    }
    files
}

fn source(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("src").join(name)
}
