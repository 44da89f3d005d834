//! The status line: what is happening, in as many words as fit into a row; what is wrong, in all its words.

use std::borrow::Cow;
use std::time::Duration;

use console::{measure_text_width, truncate_str};

use super::diagnosis::spoken;
use crate::cassette::many;
use crate::engine::{Caller, LIMITS, Tallied};
use crate::report::plain;

/// What a line tells.
#[derive(Clone, Debug)]
pub(super) struct View {
    /// How long the deck has run.
    pub(super) elapsed: Duration,
    /// Who called, the latest first.
    pub(super) callers: Vec<Caller>,
    /// How many called besides.
    pub(super) others: usize,
    /// What was seen and found.
    pub(super) tallied: Tallied,
    /// The hits and misses of a replay.
    pub(super) score: Option<(usize, usize)>,
    /// What happened last, and how long ago.
    pub(super) event: Option<(String, Duration)>,
    /// What is wrong, the gravest first.
    pub(super) troubles: Vec<String>,
    /// Whether somebody is asked for a note: which mark it is, and what is typed.
    pub(super) note: Option<(usize, String)>,
    /// Whether keys are heard.
    pub(super) has_keys: bool,
}

/// How much of it is told.
#[derive(Clone, Copy, Debug)]
struct Plan {
    callers: usize,
    has_sockets: bool,
    /// The room the event needs at least; without it, there is none of it.
    event: Option<usize>,
    has_keys: bool,
}

/// From everything to what cannot be left out.
const PLANS: [Plan; 6] = [
    Plan { callers: 5, has_sockets: true, event: Some(usize::MAX), has_keys: true },
    Plan { callers: 5, has_sockets: true, event: Some(usize::MAX), has_keys: false },
    Plan { callers: 3, has_sockets: true, event: Some(LEAST_EVENT), has_keys: false },
    Plan { callers: 3, has_sockets: true, event: None, has_keys: false },
    Plan { callers: 2, has_sockets: true, event: None, has_keys: false },
    LEAST,
];
const LEAST: Plan = Plan { callers: 1, has_sockets: false, event: None, has_keys: false };

/// A piece of the line, in a colour.
#[derive(Clone, Debug)]
struct Part(String, Option<u8>);

const RED: Option<u8> = Some(31);
const GREEN: Option<u8> = Some(32);
const YELLOW: Option<u8> = Some(33);

impl View {
    /// The line, narrower than the terminal's columns. A diagnosis takes more rows than one if it needs them, at most
    /// half of the terminal's: what is to be done stands at its end.
    pub(super) fn line(&self, (columns, rows): (usize, usize), is_coloured: bool) -> String {
        let width = columns.saturating_sub(1);
        match (&self.note, self.trouble()) {
            (Some((number, note)), _) => painted(&asked(*number, note, width), width, is_coloured),
            (None, Some(trouble)) => self.diagnosed(trouble, width, rows / 2, is_coloured),
            (None, None) => painted(&self.told(width), width, is_coloured),
        }
    }

    /// The diagnosis whose turn it is, with its number.
    fn trouble(&self) -> Option<(usize, &str)> {
        let turns = usize::try_from(self.elapsed.as_secs() / TURN).unwrap_or_default();
        let shown = turns.checked_rem(self.troubles.len())?;
        self.troubles.get(shown).map(|trouble| (shown + 1, trouble.as_str()))
    }

    /// Everything that fits.
    fn told(&self, width: usize) -> Vec<Part> {
        let event = self.event.as_ref().map(|(what, age)| (plain(what), format!(", {} ago", spoken(age.as_secs()))));
        let whole = event.as_ref().map_or(0, |(what, age)| measure_text_width(what) + age.len() + GAP);
        let needed = |plan: &Plan| plan.event.map_or(0, |least| whole.min(least));
        let fits = |plan: &&Plan| width_of(&self.parts(plan)) + needed(plan) <= width;
        let plan = PLANS.iter().find(fits).unwrap_or(&LEAST);
        let mut parts = self.parts(plan);
        if let (Some((what, age)), true) = (event, plan.event.is_some()) {
            let room = width.saturating_sub(width_of(&parts) + GAP + age.len());
            parts.insert(parts.len() - usize::from(self.tells_keys(plan)), Part(cut(&what, room) + &age, None));
        }
        parts
    }

    /// What is wrong; beside it what goes well, where there is room for both.
    fn diagnosed(&self, (number, trouble): (usize, &str), width: usize, most: usize, is_coloured: bool) -> String {
        let mut parts = match width {
            WIDE.. if !self.callers.is_empty() => self.parts(&LEAST),
            NARROW.. => vec![self.time()],
            _ => Vec::new(),
        };
        let taken = if parts.is_empty() { 0 } else { width_of(&parts) + GAP };
        let count = self.troubles.len();
        let which = if count > 1 { format!("{number} of {count}: ") } else { String::new() };
        let mut lines = Vec::new();
        for row in wrapped(&(which + trouble), width.saturating_sub(taken), width, most) {
            parts.push(Part(row, YELLOW));
            lines.push(painted(&parts, width, is_coloured));
            parts.clear();
        }
        lines.join("\n")
    }

    fn parts(&self, plan: &Plan) -> Vec<Part> {
        let mut parts = vec![self.time(), self.lanes(plan.callers)];
        parts.extend(self.score.filter(|score| *score != (0, 0)).map(|(hits, misses)| match misses {
            0 => Part(format!("{}, 0 misses", many(hits, "hit")), GREEN),
            1 => Part(format!("{}, 1 miss", many(hits, "hit")), RED),
            _ => Part(format!("{}, {misses} misses", many(hits, "hit")), RED),
        }));
        let Tallied { open, errors, warnings, infos, calls, .. } = self.tallied;
        if plan.has_sockets && open > 0 {
            parts.push(Part(many(open, "socket"), None));
        }
        match (errors, warnings) {
            (0, 0) if calls == 0 => {}
            (0, 0) if infos > 0 => parts.push(Part(many(infos, "note"), None)),
            (0, 0) if self.score.is_some() => {}
            (0, 0) => parts.push(Part("no violations".into(), GREEN)),
            (0, warnings) => parts.push(Part(many(warnings, "warning"), YELLOW)),
            (errors, 0) => parts.push(Part(many(errors, "error"), RED)),
            (errors, warnings) => {
                parts.push(Part(format!("{}, {}", many(errors, "error"), many(warnings, "warning")), RED));
            }
        }
        parts.extend(self.rate(plan));
        if self.tells_keys(plan) {
            parts.push(Part("? keys".into(), None));
        }
        parts
    }

    fn tells_keys(&self, plan: &Plan) -> bool {
        plan.has_keys && self.has_keys
    }

    fn time(&self) -> Part {
        Part(clock(self.elapsed), None)
    }

    /// Who called last, and how often they did; in an order that does not change with each call.
    fn lanes(&self, most: usize) -> Part {
        let named = self.callers.iter().take(most);
        let named = named.map(|caller| format!("{} {}", cut(&plain(&caller.lane), LONGEST_LANE), caller.calls));
        let mut named: Vec<String> = named.collect();
        named.sort();
        let more = self.callers.len().saturating_sub(most) + self.others;
        match (named.is_empty(), more) {
            (true, _) => named.push("nobody called yet".into()),
            (false, 0) => {}
            (false, more) => named.push(format!("+{more} more")),
        }
        Part(named.join(", "), None)
    }

    /// How near the busiest client is to a documented limit: the burst's, unless the other one is nearly reached.
    fn rate(&self, plan: &Plan) -> Option<Part> {
        let [burst, sustained] = LIMITS;
        let busiest = |at: usize| self.callers.iter().max_by_key(|caller| caller.rates[at]);
        let (limit, caller, calls) = match (busiest(0)?, busiest(1)?) {
            (_, caller) if is_near(caller.rates[1], sustained.calls) && !is_near(busiest(0)?.rates[0], burst.calls) => {
                (sustained, caller, caller.rates[1])
            }
            (caller, _) => (burst, caller, caller.rates[0]),
        };
        let colour = match calls {
            calls if calls > limit.calls => RED,
            calls if is_near(calls, limit.calls) => YELLOW,
            _ => None,
        };
        let who = if self.callers.len() > 1 && plan.callers > 1 && calls > 0 {
            format!("{} ", cut(&plain(&caller.lane), LONGEST_LANE))
        } else {
            String::new()
        };
        Some(Part(format!("{who}{calls}/{} per {} s", limit.calls, limit.seconds), colour))
    }
}

/// A time as a clock shows it.
pub(super) fn clock(elapsed: Duration) -> String {
    let seconds = elapsed.as_secs();
    format!("{:02}:{:02}:{:02}", seconds / 3600, seconds / 60 % 60, seconds % 60)
}

/// The text without what does not fit.
pub(super) fn cut(text: &str, width: usize) -> String {
    if width == 0 { String::new() } else { truncate_str(text, width, "…").into_owned() }
}

/// The text in rows, the first with less room than the others; the last of the most there may be is cut.
fn wrapped(text: &str, first: usize, width: usize, most: usize) -> Vec<String> {
    let (mut rows, mut rest, mut room) = (Vec::new(), text, first);
    while measure_text_width(rest) > room && rows.len() + 1 < most {
        let (row, after) = rest.split_at(row_of(rest, room));
        rows.push(row.trim_end().to_owned());
        (rest, room) = (after.trim_start(), width);
    }
    rows.push(cut(rest, room));
    rows
}

/// The length of what fits into a row: whole words, or as much of a word that is longer than any row.
fn row_of(text: &str, room: usize) -> usize {
    let mut width = 0;
    let is_beyond = |(_, letter): &(usize, char)| {
        width += measure_text_width(letter.encode_utf8(&mut [0; 4]));
        width > room
    };
    let end = text.char_indices().find(is_beyond).map_or(text.len(), |(at, _)| at);
    if text[end..].starts_with(' ') { end } else { text[..end].rfind(' ').unwrap_or(end) }
}

/// The question for a note; of a long one, its end.
fn asked(number: usize, note: &str, width: usize) -> Vec<Part> {
    let (question, how) = (format!("mark {number}: "), "Enter sets it, Esc does not");
    let room = width.saturating_sub(question.len() + 1);
    let mut shown = Cow::Borrowed(note);
    while measure_text_width(&shown) > room {
        shown = Cow::Owned(shown.chars().skip(1).collect());
    }
    let mut parts = vec![Part(format!("{question}{shown}_"), YELLOW), Part(how.into(), None)];
    if width_of(&parts) > width {
        parts.truncate(1);
    }
    parts
}

fn painted(parts: &[Part], width: usize, is_coloured: bool) -> String {
    let mut line = String::new();
    for (number, Part(text, colour)) in parts.iter().enumerate() {
        if number > 0 {
            line.push_str(" · ");
        }
        match colour.filter(|_| is_coloured) {
            Some(colour) => line.push_str(&format!("\u{1b}[{colour}m{text}\u{1b}[0m")),
            None => line.push_str(text),
        }
    }
    cut(&line, width)
}

fn width_of(parts: &[Part]) -> usize {
    parts.iter().map(part_width).sum::<usize>().saturating_sub(GAP)
}

fn part_width(part: &Part) -> usize {
    measure_text_width(&part.0) + GAP
}

/// True from four fifths of a limit on.
fn is_near(calls: u32, limit: u32) -> bool {
    calls >= limit - limit / 5
}

/// What stands between two parts.
const GAP: usize = 3;
const LONGEST_LANE: usize = 16;
/// Less of an event than this says nothing.
const LEAST_EVENT: usize = 30;
/// Of several diagnoses, each is shown for so many seconds in its turn.
const TURN: u64 = 5;
/// Where a diagnosis leaves room for something else.
const WIDE: usize = 110;
/// Less than this is a diagnosis's alone.
const NARROW: usize = 30;

#[cfg(test)]
mod tests {
    use std::time::Instant;

    use super::*;

    const ROWS: usize = 24;

    fn caller(lane: &str, calls: u64, rates: [u32; 2]) -> Caller {
        Caller { lane: lane.into(), calls, last: Instant::now(), rates, sockets: 0 }
    }

    fn view() -> View {
        let event = Some(("guest PUT session{lobby/3f2a91c0} 201".to_owned(), Duration::from_secs(2)));
        View {
            elapsed: Duration::from_secs(751),
            callers: vec![caller("guest", 41, [12, 41]), caller("host", 37, [2, 37])],
            others: 0,
            tallied: Tallied { calls: 78, errors: 1, warnings: 3, open: 2, ..Tallied::default() },
            score: None,
            event,
            troubles: Vec::new(),
            note: None,
            has_keys: true,
        }
    }

    #[test]
    fn it_tells_who_calls_how_often_and_what_happened_last() {
        assert_eq!(
            view().line((200, ROWS), false),
            "00:12:31 · guest 41, host 37 · 2 sockets · 1 error, 3 warnings · guest 12/30 per 15 s · guest PUT \
             session{lobby/3f2a91c0} 201, 2 s ago · ? keys"
        );
        assert_eq!(
            view().line((120, ROWS), false),
            "00:12:31 · guest 41, host 37 · 2 sockets · 1 error, 3 warnings · guest 12/30 per 15 s · guest PUT \
             session{lob…, 2 s ago"
        );
        let quiet = View { callers: vec![], tallied: Tallied::default(), event: None, ..view() };
        assert_eq!(quiet.line((200, ROWS), false), "00:12:31 · nobody called yet · ? keys");
        let clean = View { tallied: Tallied { calls: 78, ..Tallied::default() }, event: None, ..view() };
        assert_eq!(
            clean.line((200, ROWS), false),
            "00:12:31 · guest 41, host 37 · no violations · guest 12/30 per 15 s · ? keys"
        );
    }

    #[test]
    fn it_is_narrower_than_the_terminal_however_narrow_that_is() {
        let troubled = View { troubles: vec!["10.0.0.31 connects but rejects our certificate".into()], ..view() };
        let asked = View { note: Some((3, "お".repeat(60))), ..view() };
        let wide = View { callers: vec![caller(&"選手".repeat(20), 1, [0, 0]); 9], others: 3, ..view() };
        for view in [view(), troubled, asked, wide] {
            for columns in 1..200 {
                let (plain, painted) = (view.line((columns, ROWS), false), view.line((columns, ROWS), true));
                for line in [&plain, &painted] {
                    assert!(line.lines().all(|row| measure_text_width(row) < columns), "{columns}: {line}");
                    assert!(line.lines().count() <= ROWS / 2, "{columns}: {line}");
                }
            }
        }
        assert_eq!(view().line((40, ROWS), false), "00:12:31 · guest 41, +1 more · 1 error…");
        let busy = view().line((70, ROWS), false);
        assert_eq!(busy, "00:12:31 · guest 41, +1 more · 1 error, 3 warnings · 12/30 per 15 s");
    }

    #[test]
    fn lanes_that_do_not_fit_are_counted() {
        let callers = (0..7).map(|lane| caller(&format!("lane-{lane}"), 1, [0, 0])).collect();
        let crowd = View { callers, others: 2, event: None, ..view() };
        let line = crowd.line((200, ROWS), false);
        assert!(line.contains("lane-0 1, lane-1 1, lane-2 1, lane-3 1, lane-4 1, +4 more · "), "{line}");
    }

    #[test]
    fn the_rate_is_coloured_from_four_fifths_of_a_limit_on() {
        let rate = |rates| {
            let callers = vec![caller("guest", 1, rates)];
            View { callers, tallied: Tallied::default(), event: None, has_keys: false, ..view() }
                .line((200, ROWS), true)
        };
        assert_eq!(rate([23, 23]), "00:12:31 · guest 1 · 23/30 per 15 s");
        assert_eq!(rate([24, 24]), "00:12:31 · guest 1 · \u{1b}[33m24/30 per 15 s\u{1b}[0m");
        assert_eq!(rate([31, 31]), "00:12:31 · guest 1 · \u{1b}[31m31/30 per 15 s\u{1b}[0m");
        assert_eq!(rate([3, 239]), "00:12:31 · guest 1 · 3/30 per 15 s");
        assert_eq!(rate([3, 240]), "00:12:31 · guest 1 · \u{1b}[33m240/300 per 300 s\u{1b}[0m");
        assert_eq!(rate([24, 301]), "00:12:31 · guest 1 · \u{1b}[33m24/30 per 15 s\u{1b}[0m");
    }

    #[test]
    fn it_turns_into_what_is_wrong() {
        let troubles = vec!["10.0.0.31 connects but rejects our certificate".to_owned(), "another".to_owned()];
        let troubled = View { troubles, elapsed: Duration::from_secs(750), ..view() };
        let next = View { elapsed: Duration::from_secs(755), ..troubled.clone() };
        assert_eq!(next.line((100, ROWS), false), "00:12:35 · 2 of 2: another");
        assert_eq!(
            troubled.line((100, ROWS), true),
            "00:12:30 · \u{1b}[33m1 of 2: 10.0.0.31 connects but rejects our certificate\u{1b}[0m"
        );
        let wide = troubled.line((200, ROWS), false);
        assert!(wide.starts_with("00:12:30 · guest 41, +1 more · 1 error, 3 warnings · "), "{wide}");
        assert!(wide.ends_with(" · 1 of 2: 10.0.0.31 connects but rejects our certificate"), "{wide}");
    }

    #[test]
    fn what_to_do_is_told_however_narrow_the_terminal_is() {
        let troubles =
            vec!["10.0.0.31 rejects our certificate: make it trust /home/a/.local/share/tapdeck/ca.pem".into()];
        let troubled = View { troubles, ..view() };
        assert_eq!(
            troubled.line((40, ROWS), false),
            "00:12:31 · 10.0.0.31 rejects our\ncertificate: make it trust\n/home/a/.local/share/tapdeck/ca.pem"
        );
        assert_eq!(
            troubled.line((26, ROWS), true),
            "\u{1b}[33m10.0.0.31 rejects our\u{1b}[0m\n\u{1b}[33mcertificate: make it\u{1b}[0m\n\u{1b}[33mtrust\u{1b}[0m\n\
             \u{1b}[33m/home/a/.local/share/tapd\u{1b}[0m\n\u{1b}[33meck/ca.pem\u{1b}[0m"
        );
        assert_eq!(
            troubled.line((40, 4), false),
            "00:12:31 · 10.0.0.31 rejects our\ncertificate: make it trust /home/a/.lo…"
        );
        assert_eq!(troubled.line((40, 1), false), "00:12:31 · 10.0.0.31 rejects our certi…");
    }

    #[test]
    fn a_replay_tells_hits_and_misses() {
        let tallied = Tallied { calls: 13, ..Tallied::default() };
        let replay = |score| View { score: Some(score), tallied, callers: vec![caller("a", 13, [1, 1])], ..view() };
        let told = |score| View { event: None, has_keys: false, ..replay(score) }.line((200, ROWS), true);
        assert_eq!(told((12, 1)), "00:12:31 · a 13 · \u{1b}[31m12 hits, 1 miss\u{1b}[0m · 1/30 per 15 s");
        assert_eq!(told((1, 0)), "00:12:31 · a 13 · \u{1b}[32m1 hit, 0 misses\u{1b}[0m · 1/30 per 15 s");
        let cramped = replay((12, 1)).line((40, ROWS), false);
        assert!(cramped.contains("12 hits, 1 miss"), "{cramped}");
    }

    #[test]
    fn a_note_is_asked_for() {
        let asked = View { note: Some((3, "boss fight".into())), ..view() };
        assert_eq!(asked.line((80, ROWS), false), "mark 3: boss fight_ · Enter sets it, Esc does not");
        assert_eq!(asked.line((16, ROWS), false), "mark 3:  fight_");
    }
}
