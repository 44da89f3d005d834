//! What was found, at the end: a row for each rule, a column for each client.

use std::cmp::Reverse;
use std::collections::BTreeMap;

use console::{measure_text_width, pad_str};

use super::status::cut;
use crate::engine::Seen;
use crate::report::plain;

/// The table, narrower than so many columns; empty when nothing was found.
pub(super) fn table(seen: &[Seen], columns: usize) -> String {
    let (rules, lanes) = counted(seen);
    if rules.is_empty() {
        return String::new();
    }
    let (shown, left) = rules.split_at(rules.len().min(MOST_RULES));
    let first = shown.iter().map(|row| measure_text_width(row.rule)).max().unwrap_or(0).min(LONGEST_RULE);
    let room = columns.saturating_sub(WEIGHT + 1 + first + 1 + TOTAL);
    let columns = fitting(&lanes, room);
    let mut lines = vec![line("", "", first, &heads(&lanes, &columns))];
    lines.extend(shown.iter().map(|row| line(row.severity, row.rule, first, &row.cells(&lanes, &columns))));
    if !left.is_empty() {
        let findings: usize = left.iter().map(Row::total).sum();
        lines.push(format!("and {findings} of {} more rules", left.len()));
    }
    lines.join("\n")
}

/// A rule, and how often each client broke it.
#[derive(Debug)]
struct Row<'s> {
    severity: &'static str,
    rule: &'static str,
    counts: BTreeMap<&'s str, usize>,
}

impl Row<'_> {
    fn total(&self) -> usize {
        self.counts.values().sum()
    }

    /// A count for each client that has a column, those of the others together, and all of them.
    fn cells(&self, lanes: &[&str], columns: &[usize]) -> Vec<(String, usize)> {
        let count = |lane: &&str| self.counts.get(lane).copied().unwrap_or(0);
        let shown = |count: usize| if count == 0 { "·".to_owned() } else { count.to_string() };
        let (named, others) = lanes.split_at(columns.len());
        let mut cells: Vec<_> = named.iter().zip(columns).map(|(lane, width)| (shown(count(lane)), *width)).collect();
        if !others.is_empty() {
            cells.push((shown(others.iter().map(count).sum()), OTHERS));
        }
        cells.push((self.total().to_string(), TOTAL));
        cells
    }
}

/// The rules that were broken, the gravest and then the most often broken first; and who broke any, in order.
fn counted(seen: &[Seen]) -> (Vec<Row<'_>>, Vec<&str>) {
    let mut rows: BTreeMap<(u8, &str), Row<'_>> = BTreeMap::new();
    let mut lanes: BTreeMap<&str, usize> = BTreeMap::new();
    for Seen { lane, rule, severity, count, .. } in seen {
        let row = rows.entry((rank(severity), rule));
        let row = row.or_insert_with(|| Row { severity, rule, counts: BTreeMap::new() });
        *row.counts.entry(lane).or_default() += count;
        *lanes.entry(lane).or_default() += count;
    }
    let mut rows: Vec<_> = rows.into_values().collect();
    rows.sort_by_key(|row| (rank(row.severity), Reverse(row.total()), row.rule));
    let mut lanes: Vec<_> = lanes.into_iter().collect();
    lanes.sort_by_key(|(lane, count)| (Reverse(*count), *lane));
    (rows, lanes.into_iter().map(|(lane, _)| lane).collect())
}

fn rank(severity: &str) -> u8 {
    match severity {
        "error" => 0,
        "warning" => 1,
        _ => 2,
    }
}

/// The widths of the columns there is room for. When it is not enough for all, one is kept for the others.
fn fitting(lanes: &[&str], room: usize) -> Vec<usize> {
    let widths: Vec<_> = lanes.iter().map(|lane| measure_text_width(&head(lane)).max(LEAST_COLUMN)).collect();
    let whole: usize = widths.iter().map(|width| width + 1).sum();
    let mut room = if whole <= room { room } else { room.saturating_sub(OTHERS + 1) };
    let fits = |width: &usize| {
        let fits = *width < room;
        room = room.saturating_sub(width + 1);
        fits
    };
    widths.into_iter().take_while(fits).collect()
}

fn heads(lanes: &[&str], columns: &[usize]) -> Vec<(String, usize)> {
    let (named, others) = lanes.split_at(columns.len());
    let mut heads: Vec<_> = named.iter().zip(columns).map(|(lane, width)| (head(lane), *width)).collect();
    if !others.is_empty() {
        heads.push((format!("{} more", others.len()), OTHERS));
    }
    heads.push(("all".into(), TOTAL));
    heads
}

fn head(lane: &str) -> String {
    cut(&plain(lane), LONGEST_LANE)
}

fn line(severity: &str, rule: &str, first: usize, cells: &[(String, usize)]) -> String {
    let mut line = format!("{severity:WEIGHT$} {}", pad_str(&cut(rule, first), first, console::Alignment::Left, None));
    for (cell, width) in cells {
        line.push(' ');
        line.push_str(&pad_str(cell, *width, console::Alignment::Right, None));
    }
    line
}

const MOST_RULES: usize = 20;
const LONGEST_RULE: usize = 36;
const LONGEST_LANE: usize = 12;
const LEAST_COLUMN: usize = 5;
/// The widths of the columns every table has, or may need.
const WEIGHT: usize = 7;
const OTHERS: usize = 8;
const TOTAL: usize = 6;

#[cfg(test)]
mod tests {
    use super::*;

    fn seen(lane: &str, rule: &'static str, severity: &'static str, count: usize) -> Seen {
        let (lane, place, message) = (lane.to_owned(), String::new(), String::new());
        Seen { lane, op: "session.put", rule, severity, place, message, count }
    }

    #[test]
    fn rules_are_rows_and_clients_are_columns() {
        let found = [
            seen("guest", "contract-version-missing", "warning", 12),
            seen("guest", "contract-version-missing", "warning", 1),
            seen("host", "contract-version-missing", "warning", 2),
            seen("host", "body-not-json", "error", 1),
            seen("guest", "path-unknown", "info", 100),
        ];
        let lines = [
            "                                 guest  host    all",
            "error   body-not-json                ·     1      1",
            "warning contract-version-missing    13     2     15",
            "info    path-unknown               100     ·    100",
        ];
        assert_eq!(table(&found, 80), lines.join("\n"));
        assert_eq!(table(&[], 80), "");
    }

    #[test]
    fn it_is_no_wider_and_not_much_longer_than_a_screen() {
        let rules: Vec<&'static str> = crate::contract::rules().iter().map(|rule| rule.id).collect();
        let lanes: Vec<String> = (0..40).map(|lane| format!("玩家-{lane}-with-a-long-name")).collect();
        let found: Vec<Seen> =
            rules.iter().flat_map(|rule| lanes.iter().map(|lane| seen(lane, rule, "error", 7))).collect();
        for columns in [60, 80, 100, 200] {
            let table = table(&found, columns);
            assert!(table.lines().all(|line| measure_text_width(line) <= columns), "{columns}:\n{table}");
            assert_eq!(table.lines().count(), MOST_RULES + 2);
            assert!(table.contains(" more"), "{table}");
        }
    }
}
