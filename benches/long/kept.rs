//! What is in the files in the end.

use std::collections::BTreeSet;
use std::fs::File;
use std::io::{BufRead, BufReader};
use std::path::Path;

use crate::player::MARK;

/// Every player's first so many exchanges are in a cassette, each once. `had`: how many, by player.
pub(crate) fn assert_kept(cassette: &Path, had: &[u64]) {
    let field = format!("[\"{MARK}\", \"p");
    let mut kept: Vec<BTreeSet<u64>> = vec![BTreeSet::new(); had.len()];
    for line in BufReader::new(File::open(cassette).unwrap()).lines() {
        let line = line.unwrap();
        let Some(mark) = line.trim_start().strip_prefix(&field) else { continue };
        let (player, n) = mark.split('"').next().unwrap().split_once('-').unwrap();
        assert!(kept[player.parse::<usize>().unwrap()].insert(n.parse().unwrap()), "{line} is there twice");
    }
    for (player, marks) in kept.iter().enumerate() {
        let (count, had) = (marks.len() as u64, had[player]);
        assert!((0..count).all(|n| marks.contains(&n)), "player {player} misses some of {count}");
        // One more may have been written when its answer was cut off.
        assert!((had..=had + 1).contains(&count), "player {player} was answered {had}, and {count} are there");
    }
}

/// The names of the files with an ending, sorted.
pub(crate) fn file_names(folder: &Path, ending: &str) -> Vec<String> {
    let entries = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap());
    let mut names: Vec<String> = entries.filter(|name| name.ends_with(ending)).collect();
    names.sort();
    names
}
